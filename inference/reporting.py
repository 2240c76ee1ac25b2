"""From findings to an outcome whose reports are durable: builds, writes, records nothing yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from archive.files import FileStore, sha256_of
from archive.records import (
    Finding,
    ImageRefusal,
    InstanceKey,
    Outcome,
    Refusal,
    Report,
    ReportKind,
    Result,
    SopInstanceUid,
    StudyState,
)
from inference.eligibility import foremost
from inference.opening import OpenedStudy
from inference.report.author import Author
from inference.report.document import Placement, encode
from inference.report.evidence import ObjectReference, reference_to
from inference.report.not_analysed import not_analysed
from inference.report.refused import RefusedImage
from inference.report.structured_report import ReportedImage, ai_result
from inference.report.words import refusal_in_words


@dataclass(frozen=True, kw_only=True)
class ReportingRoom:
    """What reports are written with."""

    files: FileStore
    author: Author


def outcome_of(
    study: OpenedStudy,
    findings: Sequence[Finding],
    previous: Result | None,
    room: ReportingRoom,
    *,
    made_at: datetime,
) -> Outcome:
    """Report a study: with its findings, or with why there are none.

    The report files are durable on return; safe to repeat, the same study gives the same UIDs.

    Parameters
    ----------
    findings
        One for each of the study's images, in their order; empty when none may be scored.
    previous
        The result that stands for the study until now.
    """
    placement = _placement(study, previous, made_at)
    if not findings:
        return _without_findings(study, previous, placement, room)
    images = [
        ReportedImage(source=image.source, finding=finding, statements=image.statements)
        for image, finding in zip(study.images, findings, strict=True)
    ]
    ds = ai_result(images, study.refused, placement, room.author)
    return Outcome(
        state=StudyState.REPORTED,
        model=room.author.model,
        findings=tuple(findings),
        image_refusals=_image_refusals(study.refused),
        reports=(_write(ds, ReportKind.AI_RESULT, previous, room.files),),
    )


def _without_findings(
    study: OpenedStudy, previous: Result | None, placement: Placement, room: ReportingRoom
) -> Outcome:
    refusal = foremost([one.refusal for one in study.refused])
    first = next(one for one in study.refused if one.refusal is refusal)
    has_failed = refusal is Refusal.PROCESSING_FAILED
    state = StudyState.FAILED if has_failed else StudyState.NOT_ANALYSED
    ds = not_analysed(study.refused, first, placement, room.author, state=state)
    return Outcome(
        state=state,
        model=room.author.model,
        refusal=refusal,
        reason=refusal_in_words(refusal, first.detail),
        image_refusals=_image_refusals(study.refused),
        reports=(_write(ds, ReportKind.AI_RESULT, previous, room.files),),
    )


def _placement(study: OpenedStudy, previous: Result | None, made_at: datetime) -> Placement:
    sources = [image.source for image in study.images] + [one.source for one in study.refused]
    return Placement(
        source=sources[0],
        received=tuple(reference_to(source) for source in sources),
        predecessor=_document_of(previous),
        made_at=made_at,
    )


def _document_of(previous: Result | None) -> ObjectReference | None:
    """Find the document of the result that is being replaced."""
    reports = previous.outcome.reports if previous is not None else ()
    for report in reports:
        if report.kind is ReportKind.AI_RESULT:
            return ObjectReference(key=report.key, sop_class_uid=report.sop_class_uid)
    return None


def _image_refusals(refused: Sequence[RefusedImage]) -> tuple[ImageRefusal, ...]:
    return tuple(
        ImageRefusal(
            sop_instance_uid=SopInstanceUid(str(one.source.SOPInstanceUID)),
            refusal=one.refusal,
            reason=refusal_in_words(one.refusal, one.detail),
        )
        for one in refused
    )


def _write(ds: Dataset, kind: ReportKind, previous: Result | None, files: FileStore) -> Report:
    """Make a document durable; one that is already recorded stays as it was first written."""
    for report in previous.outcome.reports if previous is not None else ():
        if report.key.sop_instance_uid == ds.SOPInstanceUID:
            return report
    content = encode(ds)
    key: InstanceKey = reference_to(ds).key
    return Report(
        key=key,
        sop_class_uid=str(ds.SOPClassUID),
        kind=kind,
        file_key=files.write_report(key, content),
        file_sha256=sha256_of(content),
        byte_count=len(content),
    )
