"""Each delivery that is given up, and how far each webhook was told of them."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# By whatever statement a delivery is given up, it is written down in the same transaction.
_WRITE_DOWN = {
    "sqlite": [
        """
        CREATE TRIGGER deliveries_given_up AFTER UPDATE OF state ON deliveries
        WHEN NEW.state = 'GAVE_UP' AND OLD.state <> 'GAVE_UP'
        BEGIN
            INSERT INTO give_ups (delivery_id, at) VALUES (NEW.delivery_id, CURRENT_TIMESTAMP);
        END
        """
    ],
    "postgresql": [
        """
        CREATE FUNCTION write_down_give_up() RETURNS trigger AS $$
        BEGIN
            INSERT INTO give_ups (delivery_id, at) VALUES (NEW.delivery_id, clock_timestamp());
            RETURN NULL;
        END
        $$ LANGUAGE plpgsql
        """,
        """
        CREATE TRIGGER deliveries_given_up AFTER UPDATE OF state ON deliveries
        FOR EACH ROW WHEN (NEW.state = 'GAVE_UP' AND OLD.state <> 'GAVE_UP')
        EXECUTE FUNCTION write_down_give_up()
        """,
    ],
}


def upgrade() -> None:
    op.create_table(
        "give_ups",
        sa.Column("give_up_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.delivery_id"],
            name=op.f("fk_give_ups_delivery_id_deliveries"),
        ),
        sa.PrimaryKeyConstraint("give_up_id", name=op.f("pk_give_ups")),
    )
    op.create_table(
        "give_ups_told",
        sa.Column("webhook", sa.String(length=128), nullable=False),
        sa.Column("give_up_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", name=op.f("pk_give_ups_told")),
    )
    for statement in _WRITE_DOWN[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(f"DROP TRIGGER deliveries_given_up{' ON deliveries' if is_postgresql else ''}")
    if is_postgresql:
        op.execute("DROP FUNCTION write_down_give_up()")
    op.drop_table("give_ups_told")
    op.drop_table("give_ups")
