"""Radiographs put into an archive as the node would have put them there."""

import hashlib
from io import BytesIO

from pydicom.dataset import Dataset

from archive.database import Archive
from archive.records import (
    Arrival,
    ClaimedStudy,
    InstanceKey,
    SeriesUid,
    SopInstanceUid,
    StudyAttributes,
    StudyUid,
)
from inference import header
from tests.builders.radiographs import file_bytes

LEASE_SECONDS = 60.0


def receive(archive: Archive, *objects: Dataset) -> StudyUid:
    """Store and record objects; returns the study of the last."""
    for ds in objects:
        receive_bytes(archive, ds, file_bytes(ds))
    return StudyUid(str(objects[-1].StudyInstanceUID))


def receive_bytes(archive: Archive, ds: Dataset, content: bytes) -> InstanceKey:
    """Store and record bytes as the object that `ds` names."""
    key = InstanceKey(
        study_uid=StudyUid(str(ds.StudyInstanceUID)),
        series_uid=SeriesUid(str(ds.SeriesInstanceUID)),
        sop_instance_uid=SopInstanceUid(str(ds.SOPInstanceUID)),
    )
    digest = hashlib.sha256(content).hexdigest()
    temporary = archive.files.new_temporary_file()
    temporary.write_bytes(content)
    file_key = archive.files.keep_received(temporary, key, file_sha256=digest)
    archive.repository.record_instance(
        Arrival(
            key=key,
            sop_class_uid=str(ds.SOPClassUID),
            transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
            modality=header.text(ds, "Modality"),
            file_key=file_key,
            file_sha256=digest,
            byte_count=len(content),
            calling_ae_title="MODALITY",
            called_ae_title="HILUM",
            attributes=StudyAttributes(
                patient_name=header.text(ds, "PatientName"),
                patient_id=header.text(ds, "PatientID"),
                study_date=header.text(ds, "StudyDate"),
            ),
        )
    )
    return key


def queue_everything(archive: Archive) -> None:
    """Take every study for complete."""
    archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=1)


def claim_everything(archive: Archive, claimant: str = "tester") -> tuple[ClaimedStudy, ...]:
    """Queue and claim every study."""
    queue_everything(archive)
    return archive.repository.claim_studies(
        claimant, limit=100, lease_seconds=LEASE_SECONDS, maximum_attempts=3
    )


def report_of(archive: Archive, study_uid: StudyUid) -> bytes:
    """The document of the result that stands for a study."""
    result = archive.repository.current_result(study_uid)
    assert result is not None
    (report,) = [one for one in result.outcome.reports if one.kind == "AI_RESULT"]
    return archive.files.read(report.file_key, sha256=report.file_sha256)


def as_dataset(content: bytes) -> Dataset:
    """A DICOM file, read."""
    from pydicom import dcmread

    return dcmread(BytesIO(content))
