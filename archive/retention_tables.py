"""The tables of retention: what was deleted, which files are still to go, figures of what is gone.

None of them refers to a study's row, and none names a patient for good.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Table, Text

from archive.schema import UID_LENGTH, UtcDateTime, metadata

deletions = Table(
    "deletions",
    metadata,
    Column("deletion_id", Integer, primary_key=True, autoincrement=True),
    # Not unique: a study may come again and be deleted again.
    Column("study_uid", String(UID_LENGTH), nullable=False, index=True),
    Column("deleted_at", UtcDateTime, nullable=False),
    Column("first_received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("instance_count", Integer, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    # Of the document that stood, which later ones of the study follow.
    Column("document_sop_instance_uid", String(UID_LENGTH)),
    Column("document_series_uid", String(UID_LENGTH)),
    Column("document_sop_class_uid", String(UID_LENGTH)),
    # The line of the audit trail, and whom it is about until the audit server has it.
    Column("event_id", Integer, nullable=False),
    Column("patient_id", Text, nullable=False),
)

# In the same transaction as their rows went; the files themselves go after it.
files_to_delete = Table(
    "files_to_delete",
    metadata,
    Column("file_key", Text, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)

# What models said of studies that are gone, and what people said of that: as `model_records` and
# `review_records` have it. SQLite may give the number of a result or review again.
past_outputs = Table(
    "past_outputs",
    metadata,
    Column("past_id", Integer, primary_key=True, autoincrement=True),
    Column("result_id", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False, index=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("presence", String(16)),
    Column("probability", Float),
    Column("calling_ae_title", Text, nullable=False),
    Column("patient_age_years", Integer),
)

past_reviews = Table(
    "past_reviews",
    metadata,
    Column("past_id", Integer, primary_key=True, autoincrement=True),
    Column("review_id", Integer, nullable=False),
    Column("study_uid", String(UID_LENGTH), nullable=False),
    Column("made_at", UtcDateTime, nullable=False, index=True),
    Column("verdict", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("presence", String(16)),
    Column("blind_presence", String(16)),
    Column("image_visible_milliseconds", Integer, nullable=False),
    Column("key_count", Integer),
    Column("click_count", Integer),
    Column("is_heat_map_opened", Boolean),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("ai_presence", String(16), nullable=False),
    Column("probability", Float, nullable=False),
    Column("decision_threshold", Float, nullable=False),
    Column("patient_age_years", Integer),
    Column("patient_sex", Text, nullable=False),
    Column("calling_ae_title", Text, nullable=False),
)
