"""Brings studies of an archive here to be analysed: found by a query, one after the other.

The archive's own rows are the memory: what is here already is not fetched again, so a run that was
broken off goes on where it ended when it is started again.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from archive.database import Archive
from archive.errors import NotFound
from archive.records import StudyUid
from config.settings import Settings
from config.sources import SourceSettings
from dicom_node.errors import PeerUnavailable, QueryRefused
from dicom_node.query import FoundStudy, QueryLink
from dicom_node.retrieve import Check, Place, Retrieved, Wanted, get, move
from dicom_node.sender import Peer

SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which studies are wanted; empty matches all."""

    date_range: str = ""
    """As PS3.5 6.2.5 writes it: YYYYMMDD, YYYYMMDD-, -YYYYMMDD or YYYYMMDD-YYYYMMDD."""
    modalities: tuple[str, ...] = ()
    body_part: str = ""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One study that an archive has and we have not."""

    study: FoundStudy
    wanted: Wanted


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a search found."""

    here_already: int
    planned: tuple[Planned, ...]


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What became of one study."""

    planned: Planned
    retrieved: Retrieved | None
    problem: str = field(default="")


def peer_of_source(source: SourceSettings) -> Peer:
    """Return whom we call."""
    return Peer(ae_title=source.ae_title, host=source.host, port=source.port, tls=source.tls)


def plan(source: SourceSettings, search: Search, settings: Settings, archive: Archive) -> Plan:
    """Ask an archive what it has; the oldest study first.

    Raises
    ------
    PeerUnavailable
        The archive does not answer.
    QueryRefused
        It does not answer this question.
    """
    with QueryLink(
        peer_of_source(source),
        calling_ae_title=settings.node.ae_title,
        timeout_seconds=source.timeout_seconds,
    ) as link:
        found = _studies(link, search)
        missing = [one for one in found if not is_here(archive, one.study_uid)]
        planned = tuple(_planned(link, missing, search.body_part))
    return Plan(here_already=len(found) - len(missing), planned=planned)


def pull(
    source: SourceSettings,
    planned: Sequence[Planned],
    settings: Settings,
    archive: Archive,
    *,
    studies_per_minute: float,
    stop: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Pulled]:
    """Retrieve studies one after the other until all are here or `stop` is set.

    One that fails is yielded with its problem; the next is tried all the same.
    """
    pause = SECONDS_PER_MINUTE / studies_per_minute
    for one in planned:
        began_at = clock()
        try:
            retrieved = retrieve(source, one.wanted, settings, archive)
            yield Pulled(planned=one, retrieved=retrieved)
        except (PeerUnavailable, QueryRefused) as error:
            yield Pulled(planned=one, retrieved=None, problem=str(error))
        if stop.wait(max(0.0, pause - (clock() - began_at))):
            return


def retrieve(
    source: SourceSettings,
    wanted: Wanted,
    settings: Settings,
    archive: Archive,
    check: Check | None = None,
) -> Retrieved:
    """Retrieve in the way of the source; safe to repeat.

    Parameters
    ----------
    check
        As of `Place`; what a C-MOVE brings comes in at our port, where it is not checked so.

    Raises
    ------
    PeerUnavailable
        The archive does not answer.
    QueryRefused
        It does not send this.
    """
    peer = peer_of_source(source)
    title, seconds = settings.node.ae_title, source.timeout_seconds
    if source.retrieve == "move":
        return move(peer, wanted, to=title, calling_ae_title=title, timeout_seconds=seconds)
    place = Place(
        archive=archive,
        minimum_free_bytes=settings.node.minimum_free_bytes,
        calling_ae_title=source.ae_title,
        called_ae_title=title,
        check=check,
    )
    return get(peer, wanted, place, calling_ae_title=title, timeout_seconds=seconds)


def is_here(archive: Archive, study_uid: StudyUid) -> bool:
    """Tell whether we have a study already."""
    try:
        archive.repository.study(study_uid)
    except NotFound:
        return False
    return True


def _studies(link: QueryLink, search: Search) -> list[FoundStudy]:
    found: dict[str, FoundStudy] = {}
    for modality in search.modalities or ("",):
        keys = {"StudyDate": search.date_range, "ModalitiesInStudy": modality}
        for study in link.studies(keys):
            # An archive may ignore a key that it does not support.
            if not modality or not study.modalities or modality in study.modalities:
                found[study.study_uid] = study
    return sorted(found.values(), key=lambda one: (one.study_date, one.study_time, one.study_uid))


def _planned(link: QueryLink, studies: Collection[FoundStudy], body_part: str) -> Iterator[Planned]:
    for study in studies:
        series: tuple[str, ...] = ()
        if body_part:
            series = tuple(
                one.series_uid
                for one in link.series(study.study_uid)
                if one.body_part.upper() == body_part.upper()
            )
            if not series:
                continue
        yield Planned(study=study, wanted=Wanted(study_uid=study.study_uid, series_uids=series))
