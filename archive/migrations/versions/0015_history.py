"""Indexes that keep questions about the work of today apart from the history."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_conflicts_study_uid"), "conflicts", ["study_uid"])
    op.create_index("ix_studies_patient_id", "studies", [sa.text("lower(patient_id)")])
    op.create_index("ix_studies_accession_number", "studies", [sa.text("lower(accession_number)")])
    op.create_index(
        "ix_deliveries_delivered_at", "deliveries", ["destination", "state", "delivered_at"]
    )
    op.drop_index("ix_deliveries_study_uid", table_name="deliveries")
    op.create_index("ix_deliveries_study_uid", "deliveries", ["study_uid", "state"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_deliveries_state", table_name="deliveries")
    op.drop_index("ix_deliveries_study_uid", table_name="deliveries")
    op.create_index("ix_deliveries_study_uid", "deliveries", ["study_uid"])
    op.drop_index("ix_deliveries_delivered_at", table_name="deliveries")
    op.drop_index("ix_studies_accession_number", table_name="studies")
    op.drop_index("ix_studies_patient_id", table_name="studies")
    op.drop_index(op.f("ix_conflicts_study_uid"), table_name="conflicts")
