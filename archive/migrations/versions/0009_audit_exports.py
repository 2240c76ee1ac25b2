"""How far the audit trail was sent to the hospital's audit server."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_exports",
        sa.Column("receiver", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("sent_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("failing_since", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_audit_exports")),
    )


def downgrade() -> None:
    op.drop_table("audit_exports")
