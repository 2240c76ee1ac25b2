"""Arrivals as the node would hand them to the archive."""

import itertools

from archive.records import (
    Arrival,
    FileKey,
    Finding,
    InstanceKey,
    ModelIdentity,
    Outcome,
    Presence,
    Report,
    ReportKind,
    SeriesUid,
    SopInstanceUid,
    StudyAttributes,
    StudyState,
    StudyUid,
)

COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

_numbers = itertools.count(1)


def an_instance_key(study: int = 1, instance: int | None = None) -> InstanceKey:
    number = next(_numbers) if instance is None else instance
    return InstanceKey(
        study_uid=StudyUid(f"1.2.3.{study}"),
        series_uid=SeriesUid(f"1.2.3.{study}.1"),
        sop_instance_uid=SopInstanceUid(f"1.2.3.{study}.1.{number}"),
    )


def an_arrival(
    study: int = 1, instance: int | None = None, *, content: str = "a", priority: int = 0
) -> Arrival:
    return Arrival(
        key=an_instance_key(study, instance),
        sop_class_uid=COMPUTED_RADIOGRAPHY,
        transfer_syntax_uid=EXPLICIT_LITTLE_ENDIAN,
        modality="CR",
        file_key=FileKey("received/00/x.dcm"),
        file_sha256=content * 64,
        byte_count=1000,
        calling_ae_title="MODALITY",
        called_ae_title="HILUM",
        attributes=StudyAttributes(patient_name="Doe^Jane", patient_id="P1", study_date="20260101"),
        priority=priority,
    )


A_MODEL = ModelIdentity(
    name="model", version="1.0.0", weights_sha256="f" * 64, preprocessing_version="1"
)


def a_report(study: int = 1, number: int = 900, kind: ReportKind = ReportKind.AI_RESULT) -> Report:
    return Report(
        key=an_instance_key(study, number),
        sop_class_uid=COMPREHENSIVE_3D_SR,
        kind=kind,
        file_key=FileKey("reports/00/x.dcm"),
        file_sha256="e" * 64,
        byte_count=9000,
    )


def an_outcome(study: int = 1, number: int = 900, probability: float = 0.9) -> Outcome:
    return Outcome(
        state=StudyState.REPORTED,
        model=A_MODEL,
        findings=(
            Finding(
                sop_instance_uid=an_instance_key(study, 1).sop_instance_uid,
                label="PNEUMONIA",
                presence=Presence.PRESENT if probability >= 0.5 else Presence.ABSENT,
                probability=probability,
                decision_threshold=0.5,
                statements=("outside the training population",),
            ),
        ),
        reports=(a_report(study, number),),
    )
