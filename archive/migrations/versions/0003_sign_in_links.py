"""Links to choose a password, tokens and sessions of people, sign-in through a provider."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "password_links",
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_password_links_user_id_users")
        ),
        sa.PrimaryKeyConstraint("secret_digest", name=op.f("pk_password_links")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_links_user_id")),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("is_blind_first", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("browser", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("id_token", sa.Text(), nullable=True))
    with op.batch_alter_table("oidc_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("target", sa.Text(), server_default="/", nullable=False))
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("user_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_api_tokens_user_id_users"), "users", ["user_id"], ["user_id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_api_tokens_user_id_users"), type_="foreignkey")
        batch_op.drop_column("user_id")
    with op.batch_alter_table("oidc_attempts", schema=None) as batch_op:
        batch_op.drop_column("target")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("id_token")
        batch_op.drop_column("browser")
        batch_op.drop_column("address")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("is_blind_first")
    op.drop_table("password_links")
