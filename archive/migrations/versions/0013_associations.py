"""Who called at the DICOM port, and how each association ended."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "associations",
        sa.Column("association_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("began_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("calling_ae_title", sa.String(length=16), nullable=False),
        sa.Column("called_ae_title", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("is_tls", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("association_id", name=op.f("pk_associations")),
    )
    op.create_index(op.f("ix_associations_calling_ae_title"), "associations", ["calling_ae_title"])


def downgrade() -> None:
    op.drop_index(op.f("ix_associations_calling_ae_title"), table_name="associations")
    op.drop_table("associations")
