"""Whose priors are expected, and whether what came is theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was asked for before has no patient to be compared with: it is an ordinary study.
    op.execute("DELETE FROM expected_priors")
    with op.batch_alter_table("expected_priors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("patient_id", sa.Text(), nullable=False))
        batch_op.add_column(sa.Column("issuer_of_patient_id", sa.Text(), nullable=False))
        batch_op.add_column(sa.Column("state", sa.String(length=16), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("expected_priors", schema=None) as batch_op:
        batch_op.drop_column("state")
        batch_op.drop_column("issuer_of_patient_id")
        batch_op.drop_column("patient_id")
