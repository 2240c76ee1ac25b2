"""What a decision cost its reader: keys, clicks, and whether the heat map was opened."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("key_count", sa.Integer(), nullable=True))
    op.add_column("reviews", sa.Column("click_count", sa.Integer(), nullable=True))
    op.add_column("reviews", sa.Column("is_heat_map_opened", sa.Boolean(), nullable=True))


def downgrade() -> None:
    for name in ("is_heat_map_opened", "click_count", "key_count"):
        op.drop_column("reviews", name)
