"""What the rules of a site decided, and where each node stands with its rules."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rule", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("rules_sha256", sa.String(length=64), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("destinations", sa.JSON(), nullable=True))
    op.create_table(
        "rule_reloads",
        sa.Column("reload_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reload_id", name=op.f("pk_rule_reloads")),
    )
    op.create_table(
        "rule_standings",
        sa.Column("node", sa.String(length=128), nullable=False),
        sa.Column("rules_sha256", sa.String(length=64), nullable=False),
        sa.Column("rule_count", sa.Integer(), nullable=False),
        sa.Column("loaded_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("faulted_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_rule_standings")),
    )


def downgrade() -> None:
    op.drop_table("rule_standings")
    op.drop_table("rule_reloads")
    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.drop_column("destinations")
        batch_op.drop_column("rules_sha256")
        batch_op.drop_column("rule")
