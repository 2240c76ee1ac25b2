"""Fetches earlier chest radiographs of the patients whose studies come in, where a site wants it.

Another patient's image beside a study is worse than none. So: patient IDs are asked for without
wildcards and compared exactly in every answer, issuers too; an ID that more than one issuer may
have given is not trusted; what C-GET brings is compared once more before it is kept, and all that
came, also by C-MOVE, before it is shown as a prior.
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog
from pydicom.dataset import Dataset

from archive.database import Archive
from archive.errors import ArchiveError, ArchiveUnavailable
from archive.prior_records import ExpectedPrior, NamedPatient
from archive.records import FileKey, StudyUid
from config.logs import uid_digest
from config.settings import Settings
from config.sources import SourceSettings
from dicom_node.errors import DicomNodeError, HeaderUnreadable, ObjectRefused
from dicom_node.header import read_stored_header
from dicom_node.incoming import ReceivedFile
from dicom_node.pull import peer_of_source, retrieve
from dicom_node.query import FoundSeries, FoundStudy, QueryLink, is_exact, text_of
from dicom_node.retrieve import Wanted
from dicom_node.statuses import StoreStatus

_log = structlog.get_logger()

MODALITIES = frozenset({"CR", "DX"})
# Body Part Examined (PS3.16 annex L), and what descriptions say where it is missing.
_CHEST = re.compile(r"\b(CHEST|THORAX|T[OÓ]RAX|LUNGS?|CXR)\b")
_NOT_FRONTAL = re.compile(r"\b(LATERAL|LAT|LL|RL|DECUB\w*|OBLIQUE|OBL)\b")
_KEYWORDS = ("SpecificCharacterSet", "PatientID", "IssuerOfPatientID", "StudyDate")
MOST_ATTEMPTS = 5
LEASE_SECONDS = 600.0
FIRST_RETRY_SECONDS = 30.0
# What an archive was asked for comes within this, or is taken for an ordinary study.
EXPECTED_WITHIN_SECONDS = 3600.0
POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose priors are wanted, as an image of the study says."""

    study_uid: StudyUid
    study_date: str
    patient: NamedPatient


class PriorFetcher:
    """Looks for the priors of new studies, one study after the other, in a thread of its own.

    Parameters
    ----------
    settings
        Its `sources` with `priors` above 0 are asked.
    archive
        What has come, and where priors are kept.
    """

    def __init__(self, settings: Settings, archive: Archive) -> None:
        self._settings = settings
        self._archive = archive
        self._sources = [source for source in settings.sources if source.priors]

    def run(self, stop: threading.Event) -> None:
        """Fetch until `stop` is set; returns at once where no source gives priors."""
        while self._sources and not stop.is_set():
            try:
                is_busy = self.tick()
            except ArchiveUnavailable:
                is_busy = False
            except Exception as error:  # noqa: BLE001  # the loop of this thread
                _log.error("fetching priors stumbled", error=type(error).__name__)
                is_busy = False
            if not is_busy:
                stop.wait(POLL_SECONDS)

    def tick(self) -> bool:
        """Look for the priors of one study; tell whether there was one.

        Raises
        ------
        ArchiveUnavailable
            The study is tried again after its lease.
        """
        repository = self._archive.repository
        study_uid = repository.claim_prior_search(lease_seconds=LEASE_SECONDS)
        if study_uid is None:
            return False
        study = uid_digest(study_uid)
        try:
            count = self._fetch(study_uid)
        except DicomNodeError as error:
            attempt = repository.prior_search_attempts(study_uid)
            _log.warning("priors not fetched", study=study, attempt=attempt, reason=str(error))
            if attempt >= MOST_ATTEMPTS:
                repository.give_up_prior_search(study_uid, words=str(error))
            else:
                seconds = FIRST_RETRY_SECONDS * 2 ** (attempt - 1)
                repository.retry_prior_search(study_uid, words=str(error), after_seconds=seconds)
            return True
        repository.finish_prior_search(study_uid, words=f"{count} fetched")
        _log.info("priors fetched", study=study, count=count)
        return True

    def _fetch(self, study_uid: StudyUid) -> int:
        subject = self._subject(study_uid)
        if subject is None:
            return 0
        return sum(self._fetch_from(source, subject) for source in self._sources)

    def _subject(self, study_uid: StudyUid) -> Subject | None:
        """Return whose study it is; None where its images do not say one and the same person."""
        named = set()
        for instance in self._archive.repository.study(study_uid).instances:
            try:
                path = self._archive.files.path_of(instance.file_key)
                header, _ = read_stored_header(path, _KEYWORDS)
            except (HeaderUnreadable, ArchiveError):
                continue
            named.add(
                Subject(
                    study_uid=study_uid,
                    study_date=text_of(header, "StudyDate"),
                    patient=_named_in(header),
                )
            )
        subject = named.pop() if len(named) == 1 else None
        return subject if subject is not None and is_exact(subject.patient.patient_id) else None

    def _fetch_from(self, source: SourceSettings, subject: Subject) -> int:
        with QueryLink(
            peer_of_source(source),
            calling_ae_title=self._settings.node.ae_title,
            timeout_seconds=source.timeout_seconds,
        ) as link:
            chosen = choose_priors(link, subject, source)
        count = 0
        for wanted in chosen:
            is_new = self._archive.repository.expect_prior(
                wanted.study_uid,
                ExpectedPrior(source=source.name, patient=subject.patient),
                within_seconds=EXPECTED_WITHIN_SECONDS,
            )
            if is_new:
                check = same_patient(subject, source)
                came = retrieve(source, wanted, self._settings, self._archive, check)
                count += came.completed > 0
        return count


def choose_priors(link: QueryLink, subject: Subject, source: SourceSettings) -> list[Wanted]:
    """Ask an archive for the newest earlier frontal chest radiographs of the same patient."""
    found = link.studies({"PatientID": subject.patient.patient_id})
    earlier = [
        study
        for study in found
        if study.study_uid != subject.study_uid
        and is_same_patient(
            subject.patient,
            NamedPatient(
                patient_id=study.patient_id, issuer_of_patient_id=study.issuer_of_patient_id
            ),
            default_issuer=source.issuer_of_patient_id,
        )
        and _is_earlier(study, subject)
        and (not study.modalities or MODALITIES & set(study.modalities))
    ]
    earlier.sort(key=lambda one: (one.study_date, one.study_time, one.study_uid), reverse=True)
    chosen: list[Wanted] = []
    for study in earlier:
        series = tuple(one.series_uid for one in link.series(study.study_uid) if is_chest(one))
        if series:
            chosen.append(Wanted(study_uid=study.study_uid, series_uids=series))
        if len(chosen) == source.priors:
            break
    return chosen


def is_same_patient(one: NamedPatient, other: NamedPatient, *, default_issuer: str) -> bool:
    """Compare patient IDs and their issuers.

    Parameters
    ----------
    default_issuer
        Who issued an ID that names no issuer, as the settings of the source say.
    """
    issuers = {patient.issuer_of_patient_id or default_issuer for patient in (one, other)}
    return one.patient_id == other.patient_id and len(issuers) == 1


def is_all_of_patient(
    file_keys: Iterable[FileKey],
    expected: ExpectedPrior,
    sources: Sequence[SourceSettings],
    archive: Archive,
) -> bool:
    """Tell whether each of these objects, which came as a prior, names the patient it is to be of.

    One that cannot be read names nobody.
    """
    default_issuer = next(
        (one.issuer_of_patient_id for one in sources if one.name == expected.source), ""
    )
    for file_key in file_keys:
        try:
            header, _ = read_stored_header(archive.files.path_of(file_key), _KEYWORDS)
        except (HeaderUnreadable, ArchiveError):
            return False
        if not is_same_patient(expected.patient, _named_in(header), default_issuer=default_issuer):
            return False
    return True


def is_chest(series: FoundSeries) -> bool:
    """Tell whether a series is, by what its header says, a frontal chest radiograph."""
    described = series.description.upper().replace("_", " ")
    body_part = series.body_part.upper().replace("_", " ") or described
    return (
        series.modality in MODALITIES
        and _CHEST.search(body_part) is not None
        and _NOT_FRONTAL.search(described) is None
    )


def same_patient(subject: Subject, source: SourceSettings) -> Callable[[ReceivedFile], None]:
    """Return what refuses an object that names another patient than it was asked for."""

    def check(file: ReceivedFile) -> None:
        try:
            header, _ = read_stored_header(file.path, _KEYWORDS)
        except HeaderUnreadable:
            raise ObjectRefused(StoreStatus.CANNOT_UNDERSTAND, "not a data set") from None
        if not is_same_patient(
            subject.patient, _named_in(header), default_issuer=source.issuer_of_patient_id
        ):
            _log.error(
                "an archive sent another patient's object", study=uid_digest(subject.study_uid)
            )
            raise ObjectRefused(StoreStatus.DATA_SET_MISMATCH, "another patient's object")

    return check


def _named_in(header: Dataset) -> NamedPatient:
    return NamedPatient(
        patient_id=text_of(header, "PatientID"),
        issuer_of_patient_id=text_of(header, "IssuerOfPatientID"),
    )


def _is_earlier(study: FoundStudy, subject: Subject) -> bool:
    """Without two dates to compare nobody knows; then it is no prior."""
    return bool(study.study_date and subject.study_date) and study.study_date <= subject.study_date
