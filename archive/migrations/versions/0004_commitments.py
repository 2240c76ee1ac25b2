"""Storage commitment: transactions, and the SOP class under which an object was sent."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commitments",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("answered_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitments")),
    )
    op.create_index("ix_commitments_due", "commitments", ["destination", "state", "due_at"])
    op.create_table(
        "commitment_items",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.delivery_id"],
            name=op.f("fk_commitment_items_delivery_id_deliveries"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_uid"],
            ["commitments.transaction_uid"],
            name=op.f("fk_commitment_items_transaction_uid_commitments"),
        ),
        sa.PrimaryKeyConstraint("transaction_uid", "delivery_id", name=op.f("pk_commitment_items")),
    )
    op.create_index(op.f("ix_commitment_items_delivery_id"), "commitment_items", ["delivery_id"])
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sent_as", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("sent_as")
    op.drop_index(op.f("ix_commitment_items_delivery_id"), table_name="commitment_items")
    op.drop_table("commitment_items")
    op.drop_index("ix_commitments_due", table_name="commitments")
    op.drop_table("commitments")
