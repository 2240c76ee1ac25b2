"""What was deleted after its time, which files are still to go, and figures of what is gone."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("deletion_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("deleted_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("first_received_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("instance_count", sa.Integer(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("document_sop_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("document_series_uid", sa.String(length=64), nullable=True),
        sa.Column("document_sop_class_uid", sa.String(length=64), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("deletion_id", name=op.f("pk_deletions")),
    )
    op.create_index(op.f("ix_deletions_study_uid"), "deletions", ["study_uid"])
    op.create_table(
        "files_to_delete",
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file_key", name=op.f("pk_files_to_delete")),
    )
    op.create_table(
        "past_outputs",
        sa.Column("past_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("made_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("presence", sa.String(length=16), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("calling_ae_title", sa.Text(), nullable=False),
        sa.Column("patient_age_years", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("past_id", name=op.f("pk_past_outputs")),
    )
    op.create_index(op.f("ix_past_outputs_made_at"), "past_outputs", ["made_at"])
    op.create_table(
        "past_reviews",
        sa.Column("past_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("made_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("presence", sa.String(length=16), nullable=True),
        sa.Column("blind_presence", sa.String(length=16), nullable=True),
        sa.Column("image_visible_milliseconds", sa.Integer(), nullable=False),
        sa.Column("key_count", sa.Integer(), nullable=True),
        sa.Column("click_count", sa.Integer(), nullable=True),
        sa.Column("is_heat_map_opened", sa.Boolean(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("ai_presence", sa.String(length=16), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("decision_threshold", sa.Float(), nullable=False),
        sa.Column("patient_age_years", sa.Integer(), nullable=True),
        sa.Column("patient_sex", sa.Text(), nullable=False),
        sa.Column("calling_ae_title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("past_id", name=op.f("pk_past_reviews")),
    )
    op.create_index(op.f("ix_past_reviews_made_at"), "past_reviews", ["made_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_deletions_study_uid"), table_name="deletions")
    op.drop_table("deletions")
    op.drop_table("files_to_delete")
    op.drop_index(op.f("ix_past_outputs_made_at"), table_name="past_outputs")
    op.drop_table("past_outputs")
    op.drop_index(op.f("ix_past_reviews_made_at"), table_name="past_reviews")
    op.drop_table("past_reviews")
