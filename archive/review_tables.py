"""The tables of reading: reviews, who reads what, what was put off, heat maps."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, text

from archive.schema import UID_LENGTH, UtcDateTime, metadata

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", Integer, primary_key=True, autoincrement=True),
    Column("study_uid", ForeignKey("studies.study_uid"), nullable=False, index=True),
    Column("result_id", ForeignKey("results.result_id"), index=True),
    Column("verdict", String(16), nullable=False),
    Column("presence", String(16)),
    Column("reason", String(32), nullable=False),
    Column("comment", Text, nullable=False),
    Column("user_id", ForeignKey("users.user_id"), nullable=False, index=True),
    # As they stood when the decision was made; a verified report says the same for good.
    Column("reviewer_login", String(64), nullable=False),
    Column("reviewer_name", Text, nullable=False),
    Column("reviewer_organisation", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("held_until", UtcDateTime, nullable=False),
    Column("image_visible_milliseconds", Integer, nullable=False),
    # Null where nobody counted.
    Column("key_count", Integer),
    Column("click_count", Integer),
    Column("is_heat_map_opened", Boolean),
    Column("blind_presence", String(16)),
    Column("state", String(16), nullable=False),
    Column("failure", Text, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("supersedes", ForeignKey("reviews.review_id")),
    Column("predecessor_sop_instance_uid", String(UID_LENGTH)),
    Column("report_sop_instance_uid", String(UID_LENGTH)),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
    Column("attempt", Integer, nullable=False),
    Index("ix_reviews_due", "state", "held_until"),
    # At most one decision stands for a study.
    Index(
        "uq_reviews_current",
        "study_uid",
        unique=True,
        sqlite_where=text("is_current"),
        postgresql_where=text("is_current"),
    ),
)

readings = Table(
    "readings",
    metadata,
    Column("study_uid", ForeignKey("studies.study_uid"), primary_key=True),
    Column("user_id", ForeignKey("users.user_id"), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

deferrals = Table(
    "deferrals",
    metadata,
    Column("study_uid", ForeignKey("studies.study_uid"), primary_key=True),
    Column("user_id", ForeignKey("users.user_id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("deferred_at", UtcDateTime, nullable=False),
)

heat_maps = Table(
    "heat_maps",
    metadata,
    Column("sop_instance_uid", String(UID_LENGTH), primary_key=True),
    Column("file_key", Text, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("display_threshold", Float, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)
