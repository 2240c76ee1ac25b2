"""The tables, as SQLAlchemy Core metadata; `migrations/` brings a database to them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    func,
)

UID_LENGTH = 64  # PS3.5 section 9.1


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times; give UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without time zone reached the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give an aware UTC time."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _now() -> datetime:
    return datetime.now(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

studies = Table(
    "studies",
    metadata,
    Column("study_uid", String(UID_LENGTH), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("refusal", String(32)),
    Column("reason", Text, nullable=False, default=""),
    Column("priority", Integer, nullable=False, default=0),
    Column("patient_name", Text, nullable=False, default=""),
    Column("patient_id", Text, nullable=False, default=""),
    Column("patient_birth_date", Text, nullable=False, default=""),
    Column("patient_sex", Text, nullable=False, default=""),
    Column("accession_number", Text, nullable=False, default=""),
    Column("study_date", Text, nullable=False, default=""),
    Column("study_time", Text, nullable=False, default=""),
    Column("study_description", Text, nullable=False, default=""),
    Column("first_received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    # When an association with images of this study was last seen open, or an image came.
    Column("active_at", UtcDateTime, nullable=False),
    # The first image since the study was last complete; the hard cap counts from here.
    Column("receiving_since", UtcDateTime, nullable=False),
    Column("queued_at", UtcDateTime),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
    Column("attempt", Integer, nullable=False, default=0),
    Column("revision", Integer, nullable=False, default=1),
    # Whether somebody decided about it as it stands; a further image or result asks again.
    Column("is_read", Boolean, nullable=False, default=False, server_default=false()),
    # What the rules of the site decided, and in which version of their file.
    Column("rule", Text, nullable=False, default="", server_default=""),
    Column("rules_sha256", String(64), nullable=False, default="", server_default=""),
    Column("destinations", JSON(none_as_null=True)),
    # What the current result says of the whole study, for the order of the worklist.
    Column("ai_presence", String(16)),
    Column("ai_probability", Float),
    # For those who watch; every change of a row moves it.
    Column("changed_at", UtcDateTime, default=_now, onupdate=_now),
    Index("ix_studies_unread", "is_read", "first_received_at"),
    Index("ix_studies_changed_at", "changed_at"),
    Index("ix_studies_state_priority", "state", "priority", "queued_at"),
    Index("ix_studies_first_received_at", "first_received_at", "study_uid"),
)
# They are looked for in any case (see `repository.querying`).
Index("ix_studies_patient_id", func.lower(studies.c.patient_id))
Index("ix_studies_accession_number", func.lower(studies.c.accession_number))

instances = Table(
    "instances",
    metadata,
    Column("sop_instance_uid", String(UID_LENGTH), primary_key=True),
    Column("study_uid", ForeignKey("studies.study_uid"), nullable=False, index=True),
    Column("series_uid", String(UID_LENGTH), nullable=False),
    Column("sop_class_uid", String(UID_LENGTH), nullable=False),
    Column("transfer_syntax_uid", String(UID_LENGTH), nullable=False),
    Column("modality", Text, nullable=False, default=""),
    Column("file_key", Text, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("byte_count", Integer, nullable=False),
    Column("calling_ae_title", Text, nullable=False),
    Column("called_ae_title", Text, nullable=False),
    Column("flaws", JSON, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("conflict_id", Integer, primary_key=True, autoincrement=True),
    Column("sop_instance_uid", String(UID_LENGTH), nullable=False, index=True),
    Column("study_uid", String(UID_LENGTH), nullable=False, index=True),
    Column("file_key", Text, nullable=False),
    Column("data_set_sha256", String(64), nullable=False),
    Column("calling_ae_title", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    UniqueConstraint("sop_instance_uid", "data_set_sha256"),
)

results = Table(
    "results",
    metadata,
    Column("result_id", Integer, primary_key=True, autoincrement=True),
    Column("study_uid", ForeignKey("studies.study_uid"), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("refusal", String(32)),
    Column("reason", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("preprocessing_version", Text, nullable=False),
    Column("is_current", Boolean, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("finding_id", Integer, primary_key=True, autoincrement=True),
    Column("result_id", ForeignKey("results.result_id"), nullable=False, index=True),
    Column("sop_instance_uid", String(UID_LENGTH), nullable=False),
    Column("label", Text, nullable=False),
    Column("presence", String(16), nullable=False),
    Column("probability", Float, nullable=False),
    Column("decision_threshold", Float, nullable=False),
    Column("statements", JSON, nullable=False),
)

image_refusals = Table(
    "image_refusals",
    metadata,
    Column("image_refusal_id", Integer, primary_key=True, autoincrement=True),
    Column("result_id", ForeignKey("results.result_id"), nullable=False, index=True),
    Column("sop_instance_uid", String(UID_LENGTH), nullable=False),
    Column("refusal", String(32), nullable=False),
    Column("reason", Text, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("sop_instance_uid", String(UID_LENGTH), primary_key=True),
    Column("study_uid", ForeignKey("studies.study_uid"), nullable=False, index=True),
    Column("series_uid", String(UID_LENGTH), nullable=False),
    Column("result_id", ForeignKey("results.result_id"), index=True),
    Column("sop_class_uid", String(UID_LENGTH), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("file_key", Text, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("byte_count", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Integer, primary_key=True, autoincrement=True),
    Column("study_uid", ForeignKey("studies.study_uid"), nullable=False),
    Column("sop_instance_uid", ForeignKey("reports.sop_instance_uid"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("dicom_status", Integer),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    # The SOP class under which the destination took it, where that is not the object's own.
    Column("sent_as", String(UID_LENGTH)),
    UniqueConstraint("sop_instance_uid", "destination"),
    Index("ix_deliveries_due", "destination", "state", "next_attempt_at", "delivery_id"),
    Index("ix_deliveries_delivered_at", "destination", "state", "delivered_at"),
    # With the state, or a planner without statistics goes by the state alone.
    Index("ix_deliveries_study_uid", "study_uid", "state"),
    Index("ix_deliveries_state", "state", "created_at"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("prediction_id", String(32), primary_key=True),
    Column("file_key", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
    Column("answer", JSON),
)

process_beats = Table(
    "process_beats",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("beat_at", UtcDateTime, nullable=False),
    Column("detail", Text, nullable=False),
)
