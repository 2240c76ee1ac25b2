"""Checks a decision before it is kept: is it complete, did the reader look, what does it say."""

from api.account_schemas import session_body
from api.blind_first import is_blind_first
from api.errors import (
    Fault,
    PersonalAccountNeeded,
    RequestInvalid,
    RevisionMismatch,
    RevisionMissing,
    StateForbids,
)
from api.review_schemas import NewReviewBody
from archive.account_records import User
from archive.database import Archive
from archive.errors import ReviewSettled, RevisionStale
from archive.records import Presence, Result, StudyUid
from archive.review_records import (
    WITHDRAWING_REASONS,
    NewReview,
    Review,
    ReviewReason,
    Verdict,
)
from config.settings import ReviewSettings

OPPOSITE = {Presence.PRESENT: Presence.ABSENT, Presence.ABSENT: Presence.PRESENT}


def revision_of(if_match: str | None) -> int:
    """Return the revision that an If-Match header names.

    Raises
    ------
    RevisionMissing
        There is no such header.
    RevisionMismatch
        It names no revision of ours.
    """
    if if_match is None:
        raise RevisionMissing("send the study's ETag as If-Match")
    digits = if_match.strip().removeprefix('"').removesuffix('"')
    if f'"{digits}"' != if_match.strip() or not (digits.isascii() and digits.isdigit()):
        raise RevisionMismatch("If-Match names no revision of this study")
    return int(digits)


def decide(
    archive: Archive,
    settings: ReviewSettings,
    user: User,
    study_uid: StudyUid,
    body: NewReviewBody,
    revision: int,
) -> Review:
    """Keep a decision.

    Raises
    ------
    PersonalAccountNeeded
        The account is shared.
    RequestInvalid
        It is incomplete, or contradicts itself.
    StateForbids
        There is no result to accept or reject, or an earlier decision is just being reported.
    RevisionMismatch
        The study changed since the reader looked; names who decided in the meantime.
    NotFound
        There is no such study.
    """
    if not session_body(user).may_review:
        raise PersonalAccountNeeded("a review is signed by one person; this account is shared")
    archive.repository.study(study_uid)
    _refuse_incomplete(settings, user, body)
    presence = _presence(body, archive.repository.current_result(study_uid))
    try:
        return archive.repository.add_review(
            NewReview(
                study_uid=study_uid,
                expected_revision=revision,
                verdict=body.verdict,
                presence=presence,
                reason=body.reason,
                comment=body.comment.strip(),
                user_id=user.user_id,
                image_visible_milliseconds=body.image_visible_milliseconds,
                key_count=body.key_count,
                click_count=body.click_count,
                is_heat_map_opened=body.is_heat_map_opened,
                blind_presence=body.blind_presence,
                held_seconds=settings.undo_seconds,
            )
        )
    except RevisionStale:
        raise RevisionMismatch(_who_was_first(archive, study_uid)) from None
    except ReviewSettled:
        raise StateForbids(_who_was_first(archive, study_uid), code="review_settled") from None


def _refuse_incomplete(settings: ReviewSettings, user: User, body: NewReviewBody) -> None:
    words = []
    is_seen = body.image_visible_milliseconds >= settings.minimum_view_milliseconds
    if body.verdict is not Verdict.UNREADABLE and not is_seen:
        words.append(("image_visible_milliseconds", "the image was not looked at long enough"))
    if (body.verdict is Verdict.CORRECT) != (body.presence is not None):
        words.append(("presence", "is said with CORRECT, and only then"))
    if body.reason is ReviewReason.OTHER and not body.comment.strip():
        words.append(("comment", "the reason OTHER needs words"))
    if (body.verdict is Verdict.REJECT) and body.reason is ReviewReason.NONE:
        words.append(("reason", "a rejection has a reason"))
    if is_blind_first(settings, user) and body.blind_presence is None:
        words.append(("blind_presence", "say what you see before the AI result is uncovered"))
    if words:
        faults = [
            Fault(location=f"body.{field}", message=message, code="not_permitted")
            for field, message in words
        ]
        raise RequestInvalid("; ".join(message for _, message in words), faults=faults)


def _presence(body: NewReviewBody, result: Result | None) -> Presence | None:
    """Return what holds according to the decision."""
    if body.verdict in (Verdict.CORRECT, Verdict.UNREADABLE):
        return body.presence
    findings = result.outcome.findings if result else ()
    if not findings:
        raise StateForbids("there is no AI result to accept or reject", code="no_result")
    stated = max(findings, key=lambda finding: finding.probability).presence
    if body.verdict is Verdict.ACCEPT:
        return stated
    if body.reason in WITHDRAWING_REASONS:
        return None
    if stated not in OPPOSITE:
        raise StateForbids("an undetermined result has no opposite: correct it", code="no_opposite")
    return OPPOSITE[stated]


def _who_was_first(archive: Archive, study_uid: StudyUid) -> str:
    current = next(
        (review for review in archive.repository.reviews_of(study_uid) if review.is_current), None
    )
    if current is None:
        return "a further image or result arrived; look again"
    name = current.reviewer.person_name.replace("^", " ").strip()
    return f"{name} decided {current.verdict} at {current.made_at:%H:%M:%S} UTC; look again"
