"""Rows of reviews become records here."""

from archive.records import Presence, SopInstanceUid, StudyUid
from archive.repository.rows import AnyRow
from archive.review_records import (
    ClaimedReview,
    Review,
    Reviewer,
    ReviewReason,
    ReviewState,
    Verdict,
)


def review_of(row: AnyRow) -> Review:
    """Return a review row as a record."""
    report = row.report_sop_instance_uid
    return Review(
        review_id=row.review_id,
        study_uid=StudyUid(row.study_uid),
        result_id=row.result_id,
        verdict=Verdict(row.verdict),
        presence=Presence(row.presence) if row.presence else None,
        reason=ReviewReason(row.reason),
        comment=row.comment,
        reviewer=Reviewer(
            user_id=row.user_id,
            login=row.reviewer_login,
            person_name=row.reviewer_name,
            organisation=row.reviewer_organisation,
        ),
        made_at=row.made_at,
        held_until=row.held_until,
        image_visible_milliseconds=row.image_visible_milliseconds,
        key_count=row.key_count,
        click_count=row.click_count,
        is_heat_map_opened=row.is_heat_map_opened,
        blind_presence=Presence(row.blind_presence) if row.blind_presence else None,
        state=ReviewState(row.state),
        failure=row.failure,
        is_current=row.is_current,
        report_sop_instance_uid=SopInstanceUid(report) if report else None,
    )


def claimed_review_of(row: AnyRow, claimant: str) -> ClaimedReview:
    """Return a review row as a claim just made."""
    predecessor = row.predecessor_sop_instance_uid
    return ClaimedReview(
        review=review_of(row),
        claimed_by=claimant,
        attempt=row.attempt + 1,
        predecessor_sop_instance_uid=SopInstanceUid(predecessor) if predecessor else None,
    )
