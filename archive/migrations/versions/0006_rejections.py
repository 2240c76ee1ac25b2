"""How many associations were turned away, by reason."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rejections",
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reason", name=op.f("pk_rejections")),
    )


def downgrade() -> None:
    op.drop_table("rejections")
