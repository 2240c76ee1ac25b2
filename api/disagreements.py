"""Results that reviewers rejected or corrected, as JSON and as the page says them; no names."""

from datetime import datetime

from pydantic import Field

from api.schemas import ApiModel, Probability, Uid
from archive.model_records import Disagreement
from archive.records import Presence
from archive.review_records import ReviewReason, Verdict

_PRESENCE_WORDS = {
    Presence.PRESENT: "pneumonia",
    Presence.ABSENT: "no pneumonia",
    Presence.UNDETERMINED: "indeterminate",
}


class DisagreementBody(ApiModel):
    """One result that a reviewer rejected or corrected; names no patient and no reviewer."""

    review_id: int
    made_at: datetime
    study_uid: Uid
    series_uid: Uid
    sop_instance_uid: Uid = Field(description="The image with the most suspicious finding.")
    thumbnail: str = Field(description="Address of a small picture of it.")
    model: str
    version: str
    ai_presence: Presence
    probability: Probability
    threshold: Probability
    verdict: Verdict
    presence: Presence | None = Field(description="What the reviewer says; null if withdrawn.")
    reason: ReviewReason
    sender: str = Field(description="AE title that sent the images.")


class DisagreementList(ApiModel):
    """Disagreements, newest first; the next page is in the Link header and in `next_cursor`."""

    disagreements: list[DisagreementBody]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


def disagreement_body(found: Disagreement) -> DisagreementBody:
    """Return the JSON of one disagreement."""
    judged, image = found.judged, found.image
    return DisagreementBody(
        review_id=judged.review_id,
        made_at=judged.made_at,
        study_uid=image.study_uid,
        series_uid=image.series_uid,
        sop_instance_uid=image.sop_instance_uid,
        thumbnail=(
            f"/dicom-web/studies/{image.study_uid}/series/{image.series_uid}"
            f"/instances/{image.sop_instance_uid}/thumbnail"
        ),
        model=judged.model_name,
        version=judged.model_version,
        ai_presence=judged.ai_presence,
        probability=judged.probability,
        threshold=judged.decision_threshold,
        verdict=judged.verdict,
        presence=judged.presence,
        reason=judged.reason,
        sender=judged.calling_ae_title,
    )


def ai_words(one: DisagreementBody) -> str:
    """Return what the model said."""
    return f"AI: {_PRESENCE_WORDS[one.ai_presence]}, {one.probability:.2f}"


def reviewer_words(one: DisagreementBody) -> str:
    """Return what the reviewer said."""
    why = one.reason.replace("_", " ").lower()
    said = "withdrawn" if one.presence is None else _PRESENCE_WORDS[one.presence]
    return f"Reviewer: {said}, {why}"
