"""Rows become records here, and nowhere else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from archive.records import (
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    FileKey,
    Finding,
    ImageRefusal,
    Instance,
    InstanceKey,
    ModelIdentity,
    Outcome,
    Presence,
    Refusal,
    Report,
    ReportKind,
    Result,
    SeriesUid,
    SopInstanceUid,
    Study,
    StudyAttributes,
    StudyState,
    StudyUid,
)
from archive.retention_records import DeletedDocument, Deletion

AnyRow = Row[Any]


def key_of(row: AnyRow) -> InstanceKey:
    """Return the three UIDs of an instance or report row."""
    return InstanceKey(
        study_uid=StudyUid(row.study_uid),
        series_uid=SeriesUid(row.series_uid),
        sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
    )


def instance_of(row: AnyRow) -> Instance:
    """Return an instance row as a record."""
    return Instance(
        key=key_of(row),
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        modality=row.modality,
        file_key=FileKey(row.file_key),
        file_sha256=row.file_sha256,
        byte_count=row.byte_count,
        calling_ae_title=row.calling_ae_title,
        received_at=row.received_at,
        flaws=tuple(row.flaws),
    )


def study_of(row: AnyRow) -> Study:
    """Return a study row, with its `instance_count`, as a record."""
    return Study(
        study_uid=StudyUid(row.study_uid),
        state=StudyState(row.state),
        refusal=Refusal(row.refusal) if row.refusal else None,
        reason=row.reason,
        priority=row.priority,
        attributes=StudyAttributes(
            patient_name=row.patient_name,
            patient_id=row.patient_id,
            patient_birth_date=row.patient_birth_date,
            patient_sex=row.patient_sex,
            accession_number=row.accession_number,
            study_date=row.study_date,
            study_time=row.study_time,
            study_description=row.study_description,
        ),
        instance_count=row.instance_count,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        attempt=row.attempt,
        revision=row.revision,
        rule=row.rule,
        rules_sha256=row.rules_sha256,
        destinations=None if row.destinations is None else tuple(row.destinations),
    )


def finding_of(row: AnyRow) -> Finding:
    """Return a finding row as a record."""
    return Finding(
        sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
        label=row.label,
        presence=Presence(row.presence),
        probability=row.probability,
        decision_threshold=row.decision_threshold,
        statements=tuple(row.statements),
    )


def image_refusal_of(row: AnyRow) -> ImageRefusal:
    """Return an image refusal row as a record."""
    return ImageRefusal(
        sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
        refusal=Refusal(row.refusal),
        reason=row.reason,
    )


def report_of(row: AnyRow) -> Report:
    """Return a report row as a record."""
    return Report(
        key=key_of(row),
        sop_class_uid=row.sop_class_uid,
        kind=ReportKind(row.kind),
        file_key=FileKey(row.file_key),
        file_sha256=row.file_sha256,
        byte_count=row.byte_count,
    )


def result_of(
    row: AnyRow,
    findings: Sequence[Finding],
    refusals: Sequence[ImageRefusal],
    reports: Sequence[Report],
) -> Result:
    """Return a result row and what belongs to it as a record."""
    return Result(
        result_id=row.result_id,
        study_uid=StudyUid(row.study_uid),
        made_at=row.made_at,
        is_current=row.is_current,
        outcome=Outcome(
            state=StudyState(row.state),
            model=ModelIdentity(
                name=row.model_name,
                version=row.model_version,
                weights_sha256=row.weights_sha256,
                preprocessing_version=row.preprocessing_version,
            ),
            refusal=Refusal(row.refusal) if row.refusal else None,
            reason=row.reason,
            findings=tuple(findings),
            image_refusals=tuple(refusals),
            reports=tuple(reports),
        ),
    )


def delivery_of(row: AnyRow) -> Delivery:
    """Return a delivery row, joined with its report, as a record."""
    return Delivery(
        delivery_id=row.delivery_id,
        study_uid=StudyUid(row.study_uid),
        sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
        sop_class_uid=row.sop_class_uid,
        kind=ReportKind(row.kind),
        destination=row.destination,
        state=DeliveryState(row.state),
        attempt=row.attempt,
        dicom_status=row.dicom_status,
        reason=row.reason,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        delivered_at=row.delivered_at,
    )


def claimed_delivery_of(row: AnyRow, claimant: str) -> ClaimedDelivery:
    """Return a delivery row, joined with its report, as a claim just made."""
    return ClaimedDelivery(
        delivery_id=row.delivery_id,
        claimed_by=claimant,
        destination=row.destination,
        attempt=row.attempt + 1,
        created_at=row.created_at,
        study_uid=StudyUid(row.study_uid),
        sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
        sop_class_uid=row.sop_class_uid,
        kind=ReportKind(row.kind),
        file_key=FileKey(row.file_key),
        file_sha256=row.file_sha256,
    )


def deletion_of(row: AnyRow) -> Deletion:
    """Return what is remembered of a deleted study as a record."""
    document = None
    if row.document_sop_instance_uid is not None:
        key = InstanceKey(
            study_uid=StudyUid(row.study_uid),
            series_uid=SeriesUid(row.document_series_uid),
            sop_instance_uid=SopInstanceUid(row.document_sop_instance_uid),
        )
        document = DeletedDocument(key=key, sop_class_uid=row.document_sop_class_uid)
    return Deletion(
        study_uid=StudyUid(row.study_uid),
        deleted_at=row.deleted_at,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        state=StudyState(row.state),
        instance_count=row.instance_count,
        byte_count=row.byte_count,
        document=document,
    )


def age_seconds(moment: datetime | None, now: datetime) -> float:
    """Seconds from `moment` to `now`, never negative; 0 without a moment."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
