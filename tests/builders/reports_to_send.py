"""Studies in the archive whose reports wait for delivery."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ExplicitVRLittleEndian

from archive.database import Archive
from archive.files import sha256_of
from archive.records import (
    ClaimedDelivery,
    FileKey,
    InstanceKey,
    Report,
    ReportKind,
    SopInstanceUid,
    StudyUid,
)
from dicom_node.answers import Consignment
from inference.report.document import encode
from inference.report.evidence import reference_to
from tests.builders.arrivals import an_arrival, an_instance_key, an_outcome
from tests.builders.dicom_files import file_bytes


def report_file(
    key: InstanceKey, sop_class_uid: str = Comprehensive3DSRStorage, text: str = "a report"
) -> bytes:
    """A DICOM file with enough of a report for a peer to keep it."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(key.sop_instance_uid)
    ds = FileDataset(
        "", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True
    )
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = key.sop_instance_uid
    ds.StudyInstanceUID = key.study_uid
    ds.SeriesInstanceUID = key.series_uid
    ds.Modality = "SR"
    ds.PatientName = "Test^Drawn"
    ds.PatientID = "DRAWN-1"
    ds.ContentLabel = "REPORT"
    ds.TextValue = text
    return file_bytes(ds)


def a_consignment(content: bytes) -> Consignment:
    """A DICOM file as a courier hands it to a link."""
    ds = dcmread(BytesIO(content), stop_before_pixels=True)
    claim = ClaimedDelivery(
        delivery_id=1,
        claimed_by="courier",
        destination="pacs",
        attempt=1,
        created_at=datetime.now(UTC),
        study_uid=StudyUid(ds.StudyInstanceUID),
        sop_instance_uid=SopInstanceUid(ds.SOPInstanceUID),
        sop_class_uid=ds.SOPClassUID,
        kind=ReportKind.AI_RESULT,
        file_key=FileKey("reports/it"),
        file_sha256=sha256_of(content),
    )
    return Consignment(claim=claim, content=content)


def a_study_with_reports(
    archive: Archive,
    study: int = 1,
    *,
    reports: int = 1,
    destinations: Sequence[str] = ("pacs",),
    sop_class_uid: str = Comprehensive3DSRStorage,
) -> tuple[Report, ...]:
    """A study that was analysed; its reports' files are in the store, their deliveries READY."""
    archive.repository.record_instance(an_arrival(study=study, instance=1))
    archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=0)
    (claim,) = archive.repository.claim_studies(
        "worker", limit=1, lease_seconds=60, maximum_attempts=3
    )
    made = tuple(
        _report(archive, an_instance_key(study, 900 + number), sop_class_uid)
        for number in range(reports)
    )
    outcome = dataclasses.replace(an_outcome(study), reports=made)
    archive.repository.finish_study(claim, outcome, destinations=list(destinations))
    return made


def a_study_with_object(
    archive: Archive,
    ds: Dataset,
    *,
    kind: ReportKind = ReportKind.SEGMENTATION,
    destinations: Sequence[str] = ("pacs",),
) -> Report:
    """A study that was analysed, with one object of ours as the worker writes it."""
    archive.repository.record_instance(an_arrival(study=1, instance=1))
    archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=0)
    (claim,) = archive.repository.claim_studies(
        "worker", limit=1, lease_seconds=60, maximum_attempts=3
    )
    content = encode(ds)
    key = dataclasses.replace(reference_to(ds).key, study_uid=claim.study_uid)
    report = Report(
        key=key,
        sop_class_uid=str(ds.SOPClassUID),
        kind=kind,
        file_key=archive.files.write_report(key, content),
        file_sha256=sha256_of(content),
        byte_count=len(content),
    )
    outcome = dataclasses.replace(an_outcome(1), reports=(report,))
    archive.repository.finish_study(claim, outcome, destinations=list(destinations))
    return report


def _report(archive: Archive, key: InstanceKey, sop_class_uid: str) -> Report:
    content = report_file(key, sop_class_uid)
    return Report(
        key=key,
        sop_class_uid=sop_class_uid,
        kind=ReportKind.AI_RESULT,
        file_key=archive.files.write_report(key, content),
        file_sha256=sha256_of(content),
        byte_count=len(content),
    )
