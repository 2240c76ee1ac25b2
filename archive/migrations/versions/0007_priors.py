"""Priors that are fetched from other archives."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expected_priors",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("expected_until", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name=op.f("pk_expected_priors")),
    )
    op.create_table(
        "prior_searches",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_uid"], ["studies.study_uid"], name=op.f("fk_prior_searches_study_uid_studies")
        ),
        sa.PrimaryKeyConstraint("study_uid", name=op.f("pk_prior_searches")),
    )


def downgrade() -> None:
    op.drop_table("prior_searches")
    op.drop_table("expected_priors")
