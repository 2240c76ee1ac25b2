"""From a radiologist's recorded decision to a verified report that is durable."""

import io

from pydicom import dcmread
from pydicom.dataset import Dataset

from archive.database import Archive
from archive.files import sha256_of
from archive.records import Presence, Report, ReportKind, StudyDetail
from archive.review_records import ClaimedReview, Review, ReviewReason, Verdict
from inference.report.decisions import (
    Decision,
    DecisionInvalid,
    ReviewDecision,
    Reviewer,
    Withdrawal,
)
from inference.report.document import encode
from inference.report.evidence import ObjectReference, reference_to
from inference.report.rejection_note import rejection_note
from inference.report.review import presence_in, review

_DECISIONS = {
    Verdict.ACCEPT: ReviewDecision.ACCEPTED,
    Verdict.REJECT: ReviewDecision.REJECTED,
    Verdict.CORRECT: ReviewDecision.CORRECTED,
    Verdict.UNREADABLE: ReviewDecision.UNREADABLE,
}
WITHDRAWING = {
    ReviewReason.WRONG_PATIENT_OR_STUDY: Withdrawal.WRONG_PATIENT,
    ReviewReason.FAULTY_RUN: Withdrawal.FAULTY_RUN,
}
MADE_BY_MODEL = frozenset(ReportKind) - {ReportKind.REVIEW, ReportKind.REJECTION_NOTE}
# Verifying Organization is type 1 (PS3.3 C.17.2).
UNKNOWN_ORGANIZATION = "Not stated"


def report_review(claim: ClaimedReview, archive: Archive) -> Report:
    """Build and write the verified report of a decision; safe to repeat, it is the same object.

    It bears the time of the decision, not of the writing.

    Raises
    ------
    DecisionInvalid
        The decision does not fit what it is about, or there is no document to follow.
    """
    detail = archive.repository.study(claim.review.study_uid)
    ai_result = _document_decided_on(claim.review, detail, archive)
    ds = review(
        ai_result,
        decision_of(claim.review, presence_in(ai_result)),
        made_at=claim.review.made_at,
        predecessor=_reference(claim.predecessor_sop_instance_uid, detail),
    )
    return _write(ds, ReportKind.REVIEW, archive)


def withdraw(claim: ClaimedReview, archive: Archive) -> tuple[Report, ...]:
    """Write the note that withdraws a result that should never have been; safe to repeat.

    Nothing where the review does not reject for such a reason: disagreement is no withdrawal.
    """
    recorded = claim.review
    reason = WITHDRAWING.get(recorded.reason)
    if recorded.verdict is not Verdict.REJECT or reason is None:
        return ()
    detail = archive.repository.study(recorded.study_uid)
    (result,) = [one for one in detail.results if one.result_id == recorded.result_id]
    withdrawn = sorted(result.outcome.reports, key=lambda one: one.kind is not ReportKind.AI_RESULT)
    contents = [
        archive.files.read(one.file_key, sha256=one.file_sha256)
        for one in withdrawn
        if one.kind in MADE_BY_MODEL
    ]
    ds = rejection_note(
        [dcmread(io.BytesIO(content)) for content in contents],
        reason,
        review_id=str(recorded.review_id),
        made_at=recorded.made_at,
    )
    return (_write(ds, ReportKind.REJECTION_NOTE, archive),)


def _write(ds: Dataset, kind: ReportKind, archive: Archive) -> Report:
    content = encode(ds)
    digest = sha256_of(content)
    key = reference_to(ds).key
    return Report(
        key=key,
        sop_class_uid=str(ds.SOPClassUID),
        kind=kind,
        file_key=archive.files.write_report(key, content, file_sha256=digest),
        file_sha256=digest,
        byte_count=len(content),
    )


def decision_of(recorded: Review, by_machine: Presence | None) -> Decision:
    """Put a recorded review into the words of the report."""
    decision, withdrawal = _DECISIONS[recorded.verdict], None
    if recorded.verdict is Verdict.REJECT and recorded.reason in WITHDRAWING:
        decision, withdrawal = ReviewDecision.WITHDRAWN, WITHDRAWING[recorded.reason]
    is_correction = decision is ReviewDecision.CORRECTED
    if is_correction and recorded.presence is by_machine is not None:
        # The person stated what the machine had said too: that is agreement.
        decision, is_correction = ReviewDecision.ACCEPTED, False
    reason = "" if recorded.reason is ReviewReason.NONE else f"{recorded.reason}."
    return Decision(
        decision=decision,
        reviewer=Reviewer(
            name=recorded.reviewer.person_name,
            login=recorded.reviewer.login,
            organization=recorded.reviewer.organisation.strip() or UNKNOWN_ORGANIZATION,
        ),
        review_id=str(recorded.review_id),
        presence=recorded.presence if is_correction else None,
        withdrawal=withdrawal,
        comment=f"{reason} {recorded.comment}".strip(),
    )


def _document_decided_on(recorded: Review, detail: StudyDetail, archive: Archive) -> Dataset:
    """Read the AI result that the person saw."""
    for result in detail.results:
        if result.result_id != recorded.result_id:
            continue
        for report in result.outcome.reports:
            if report.kind is ReportKind.AI_RESULT:
                content = archive.files.read(report.file_key, sha256=report.file_sha256)
                return dcmread(io.BytesIO(content))
    raise DecisionInvalid("there is no AI result, scored or not, to follow")


def _reference(sop_instance_uid: str | None, detail: StudyDetail) -> ObjectReference | None:
    for report in detail.reports:
        if report.key.sop_instance_uid == sop_instance_uid:
            return ObjectReference(key=report.key, sop_class_uid=report.sop_class_uid)
    return None
