"""The JSON of reading: the worklist, a study as its reader needs it, reviews."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas import (
    ApiModel,
    Probability,
    StudyBody,
    StudySummary,
    Uid,
    WholeNumber,
    study_body,
    study_summary,
)
from archive import records, review_records
from archive.records import Presence
from archive.review_records import Band, ReviewReason, ReviewState, Verdict

# Text of people: line breaks are welcome, other control characters are not.
Comment = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")
]


# More keys or clicks than anybody needs for one decision.
MOST_COUNTED = 10_000


class WorklistEntry(ApiModel):
    """One unread study and why it stands where it does."""

    study: StudySummary
    band: Band
    presence: Presence | None = Field(
        description="What the model says; null without a result, or blind first."
    )
    probability: Probability | None
    waiting_seconds: float = Field(ge=0)
    readers: list[str] = Field(description="Who has it open now.")
    deferred_reason: str


class WorklistPage(ApiModel):
    """Unread studies: overdue, then AI-positive by probability, then in order of arrival.

    Blind first there are no AI-positives: what the model says is left out, and orders nothing.
    """

    entries: list[WorklistEntry]
    counts: dict[Band, int] = Field(description="Of the whole worklist.")
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")
    waiting_cap_seconds: float = Field(description="Who waits longer is overdue.")
    is_blind_first: bool = Field(description="Whether what the model says is left out.")


class NewReviewBody(ApiModel):
    """A decision; who makes it is who is signed in, and nothing here can say otherwise."""

    verdict: Verdict
    presence: Presence | None = Field(
        default=None, description="What holds, for CORRECT; elsewhere it follows."
    )
    reason: ReviewReason = ReviewReason.NONE
    comment: Comment = ""
    image_visible_milliseconds: WholeNumber = Field(
        ge=0, le=86_400_000, description="How long the image was on the screen."
    )
    key_count: WholeNumber | None = Field(
        default=None,
        ge=0,
        le=MOST_COUNTED,
        description="Keys pressed for it, without the letters of a comment; null: not counted.",
    )
    click_count: WholeNumber | None = Field(
        default=None,
        ge=0,
        le=MOST_COUNTED,
        description="Presses of a mouse button, a finger or a pen; null: not counted.",
    )
    is_heat_map_opened: bool | None = Field(
        default=None, strict=True, description="Null where there was none, or nobody counted."
    )
    blind_presence: Presence | None = Field(
        default=None, description="What the reader said before the AI result was uncovered."
    )


class ReviewBody(ApiModel):
    """One decision about one study."""

    review_id: int
    study_uid: Uid
    verdict: Verdict
    presence: Presence | None
    reason: ReviewReason
    comment: str
    reviewer: str = Field(description="DICOM PN.")
    made_at: datetime
    held_until: datetime = Field(description="Until then its author can undo it.")
    state: ReviewState
    failure: str
    is_current: bool
    is_mine: bool
    report_sop_instance_uid: Uid | None = Field(
        description="The verified report, once there is one."
    )
    study_revision: int = Field(ge=0, description="The study's, after this.")


class ReviewList(ApiModel):
    """All decisions about a study, the newest first."""

    reviews: list[ReviewBody]


class PriorBody(ApiModel):
    """Another study of the same patient."""

    study: StudySummary
    presence: Presence | None
    probability: Probability | None
    verdict: Verdict | None


class CaseBody(StudyBody):
    """One study as its reader needs it."""

    reviews: list[ReviewBody]
    priors: list[PriorBody]
    readers: list[str]
    heat_maps: list[Uid] = Field(description="Images that have a heat map.")


class DeferralBody(ApiModel):
    """Why a study is put off."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        examples=["wait for the prior"]
    )


def worklist_entry(item: review_records.WorklistItem) -> WorklistEntry:
    """Return the JSON of one unread study."""
    return WorklistEntry(
        study=study_summary(item.study),
        band=item.band,
        presence=item.presence,
        probability=item.probability,
        waiting_seconds=item.waiting_seconds,
        readers=list(item.readers),
        deferred_reason=item.deferred_reason,
    )


def review_body(
    review: review_records.Review, *, user_id: int | None, study_revision: int
) -> ReviewBody:
    """Return the JSON of one decision, as the person `user_id` sees it."""
    return ReviewBody(
        review_id=review.review_id,
        study_uid=review.study_uid,
        verdict=review.verdict,
        presence=review.presence,
        reason=review.reason,
        comment=review.comment,
        reviewer=review.reviewer.person_name,
        made_at=review.made_at,
        held_until=review.held_until,
        state=review.state,
        failure=review.failure,
        is_current=review.is_current,
        is_mine=review.reviewer.user_id == user_id,
        report_sop_instance_uid=review.report_sop_instance_uid,
        study_revision=study_revision,
    )


def case_body(
    detail: records.StudyDetail,
    *,
    reviews: tuple[review_records.Review, ...],
    priors: tuple[review_records.Prior, ...],
    readers: tuple[str, ...],
    heat_maps: frozenset[str],
    user_id: int | None,
    calibrated_on: Callable[[records.ModelIdentity], date | None],
) -> CaseBody:
    """Return the JSON of a study as the person `user_id` reads it."""
    revision = detail.study.revision
    return CaseBody(
        **dict(study_body(detail, calibrated_on)),
        reviews=[review_body(one, user_id=user_id, study_revision=revision) for one in reviews],
        priors=[
            PriorBody(
                study=study_summary(prior.study),
                presence=prior.presence,
                probability=prior.probability,
                verdict=prior.verdict,
            )
            for prior in priors
        ],
        readers=list(readers),
        heat_maps=sorted(heat_maps),
    )
