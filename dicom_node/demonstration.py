"""Sends studies to a running node and waits until their reports stand in the PACS."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread

from archive.database import Archive
from archive.errors import NotFound
from archive.records import Study, StudyDetail, StudyState, StudyUid
from config.settings import NodeSettings
from dicom_node.demo_pacs import Pacs
from dicom_node.errors import DicomNodeError
from dicom_node.send import files_in, send_files

CALLING_AE_TITLE = "DEMO"
POLL_SECONDS = 0.2
# Enough for a slow machine's first forward pass, and for many studies of a folder.
FIRST_REPORT_SECONDS = 120.0
REPORT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."  # PS3.4 annex B: all structured reports
_ENDS = frozenset({StudyState.REPORTED, StudyState.NOT_ANALYSED, StudyState.FAILED})


class DemonstrationFailed(DicomNodeError):
    """The demonstration stops here; the message says at which step and why."""


@dataclass(frozen=True, kw_only=True)
class ShownStudy:
    """A study whose reports arrived."""

    study: Study
    detail: StudyDetail
    reports: tuple[Dataset, ...]
    """As the PACS keeps them."""


def files_to_send(folder: Path) -> list[Path]:
    """Return what there is in a folder, or the one file that is named.

    Raises
    ------
    DemonstrationFailed
        Nothing.
    """
    files = list(files_in([folder]))
    if not files:
        raise DemonstrationFailed("there is no DICOM object to send")
    return files


def send_all(files: Sequence[Path], node: NodeSettings) -> list[StudyUid]:
    """Send files over real associations; returns their studies in order.

    Raises
    ------
    DemonstrationFailed
        The node did not take a file.
    """
    answers = send_files(
        node.host,
        node.port,
        files,
        called_ae_title=node.ae_title,
        calling_ae_title=CALLING_AE_TITLE,
    )
    studies = []
    for answer in answers:
        if not answer.is_stored:
            raise DemonstrationFailed(f"sending {answer.path.name}: {answer.words}")
        header = dcmread(answer.path, specific_tags=["StudyInstanceUID"], stop_before_pixels=True)
        studies.append(StudyUid(header.StudyInstanceUID))
    return list(dict.fromkeys(studies))


def reports_as_they_arrive(
    studies: Sequence[StudyUid], archive: Archive, pacs: Pacs
) -> Iterator[ShownStudy]:
    """Yield each study once the PACS itself shows its report.

    Raises
    ------
    DemonstrationFailed
        Nothing more arrived within two minutes; says where the rest stands.
    """
    waiting = list(studies)
    deadline = time.monotonic() + FIRST_REPORT_SECONDS
    while waiting:
        for study_uid in list(waiting):
            shown = _look_up(study_uid, archive, pacs)
            if shown is not None:
                waiting.remove(study_uid)
                deadline = time.monotonic() + FIRST_REPORT_SECONDS
                yield shown
        if waiting and time.monotonic() > deadline:
            raise DemonstrationFailed(_why_not(waiting[0], archive, len(waiting)))
        time.sleep(POLL_SECONDS)


def _look_up(study_uid: StudyUid, archive: Archive, pacs: Pacs) -> ShownStudy | None:
    try:
        detail = archive.repository.study(study_uid)
    except NotFound:
        return None
    if detail.study.state not in _ENDS:
        return None
    reports = tuple(
        ds for ds in pacs.objects_of(study_uid) if ds.SOPClassUID.startswith(REPORT_CLASSES)
    )
    if not reports:
        return None
    return ShownStudy(study=detail.study, detail=detail, reports=reports)


def _why_not(study_uid: StudyUid, archive: Archive, count: int) -> str:
    try:
        detail = archive.repository.study(study_uid)
    except NotFound:
        return f"{count} studies have no report: the first was not recorded"
    deliveries = ", ".join(f"{one.state} {one.reason}".strip() for one in detail.deliveries)
    return (
        f"{count} studies have no report in the PACS: the first is {detail.study.state} "
        f"({detail.study.reason or 'no reason'}), deliveries: {deliveries or 'none'}"
    )
