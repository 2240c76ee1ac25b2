"""The rules that a node works by: read at its start, again when asked, and held against studies."""

from collections.abc import Callable, Sequence

import structlog

from archive.database import Archive
from archive.errors import ArchiveError
from archive.prior_records import ExpectedPrior
from archive.records import ArrivedImage, RuleDecision
from config.logs import uid_digest
from config.rules import RuleBook
from config.rules_file import RulesInvalid
from config.sources import SourceSettings
from dicom_node.errors import HeaderUnreadable
from dicom_node.header import read_stored_header
from dicom_node.priors import is_all_of_patient
from dicom_node.rules import RuledImage, decide

_log = structlog.get_logger()


class Ruling:
    """The rules of a node; wrong new ones leave the old ones in force.

    Parameters
    ----------
    archive
        Where images lie, and where requests and faults are written down.
    node
        Under which name this node says by which rules it works.
    load
        Reads the rules file.
    sources
        Where priors come from.

    Raises
    ------
    RulesInvalid
        There are no rules to begin with.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        node: str,
        load: Callable[[], RuleBook],
        sources: Sequence[SourceSettings] = (),
    ) -> None:
        self._archive = archive
        self._node = node
        self._load = load
        self._sources = sources
        self._book = load()
        self._seen: int | None = None

    @property
    def book(self) -> RuleBook:
        """The rules in force."""
        return self._book

    def tick(self) -> bool:
        """Read the rules again if somebody asked since the last time; safe to repeat.

        Returns
        -------
        bool
            Whether somebody asked.

        Raises
        ------
        ArchiveUnavailable
            The next tick tries again.
        """
        newest = self._archive.repository.last_rule_reload()
        was_asked = self._seen not in (None, newest)
        if was_asked:
            self._reload()
        elif self._seen is None:
            self._say_loaded()
        self._seen = newest
        return was_asked

    def say_wrong(self, fault: str) -> None:
        """Show administrators what of the settings could not be taken, until it can be.

        Raises
        ------
        ArchiveUnavailable
            The database does not answer.
        """
        self._archive.repository.rules_not_loaded(self._node, fault=fault)

    def decide(self, images: Sequence[ArrivedImage]) -> RuleDecision:
        """Return what the rules say of a study that is complete; a prior is kept for reading."""
        book = self._book
        expected = self._archive.repository.expected_prior(images[0].study_uid) if images else None
        if expected is not None:
            return self._decide_prior(images, expected)
        return decide(book, [ruled_image(self._archive, one, book.keywords) for one in images])

    def _decide_prior(
        self, images: Sequence[ArrivedImage], expected: ExpectedPrior
    ) -> RuleDecision:
        """Compare with the patient what came; a C-MOVE brings objects that nobody looked at yet."""
        study_uid = images[0].study_uid
        is_same = is_all_of_patient(
            [one.file_key for one in images], expected, self._sources, self._archive
        )
        self._archive.repository.judge_prior(study_uid, is_same_patient=is_same)
        reason = f"fetched from {expected.source} as a prior"
        if not is_same:
            _log.error("an archive sent another patient's study", study=uid_digest(study_uid))
            reason = f"{expected.source} sent another patient's study as a prior; not shown as one"
        return RuleDecision(rule="", is_analysed=False, reason=reason)

    def _reload(self) -> None:
        try:
            self._book = self._load()
        except RulesInvalid as error:
            _log.error("new rules are wrong, the old ones stay", error=str(error))
            self.say_wrong(str(error))
            return
        self._say_loaded()

    def _say_loaded(self) -> None:
        book = self._book
        self._archive.repository.rules_loaded(
            self._node, rules_sha256=book.sha256, rule_count=len(book.rules)
        )
        _log.info("rules in force", count=len(book.rules), version=book.sha256[:12])


def ruled_image(archive: Archive, image: ArrivedImage, keywords: frozenset[str]) -> RuledImage:
    """Read of an image what rules look at; one that cannot be read matches no rule."""
    meta = {
        # PS3.10 7.1: the AE titles under which the object was sent and received.
        "SendingApplicationEntityTitle": image.calling_ae_title,
        "ReceivingApplicationEntityTitle": image.called_ae_title,
        "TransferSyntaxUID": image.transfer_syntax_uid,
    }
    if not keywords:
        return RuledImage(header=None, meta=meta)
    wanted = {"SpecificCharacterSet", *keywords} - meta.keys()
    try:
        header, _ = read_stored_header(archive.files.path_of(image.file_key), wanted)
    except (HeaderUnreadable, ArchiveError):
        return RuledImage(header=None, meta=meta)
    return RuledImage(header=header, meta=meta)
