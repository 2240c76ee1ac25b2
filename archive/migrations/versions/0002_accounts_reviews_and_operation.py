"""Accounts, audit, reviews and operation."""

import sqlalchemy as sa
from alembic import op

import archive.schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Studies that were analysed before these columns were there.
_PROBABILITY_OF_STUDIES = """
    UPDATE studies SET ai_probability = (
        SELECT max(probability)
        FROM findings JOIN results ON results.result_id = findings.result_id
        WHERE results.study_uid = studies.study_uid AND results.is_current
    )
"""
_PRESENCE_OF_STUDIES = """
    UPDATE studies SET ai_presence = (
        SELECT presence
        FROM findings JOIN results ON results.result_id = findings.result_id
        WHERE results.study_uid = studies.study_uid AND results.is_current
        ORDER BY probability DESC LIMIT 1
    )
"""

# The audit trail may grow and nothing else.
_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_events_no_{what.lower()} BEFORE {what} ON audit_events "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
    ],
}


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.String(length=16), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
    )
    op.create_table(
        "audit_events",
        sa.Column("event_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_actor", ["actor"], unique=False)
        batch_op.create_index("ix_audit_events_study_uid", ["study_uid"], unique=False)

    op.create_table(
        "errands",
        sa.Column("errand_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("is_ok", sa.Boolean(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("errand_id", name=op.f("pk_errands")),
    )
    with op.batch_alter_table("errands", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_errands_destination"), ["destination"], unique=False)

    op.create_table(
        "heat_maps",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("display_threshold", sa.Float(), nullable=False),
        sa.Column("made_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_heat_maps")),
    )
    op.create_table(
        "oidc_attempts",
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name=op.f("pk_oidc_attempts")),
    )
    op.create_table(
        "paused_destinations",
        sa.Column("destination", sa.String(length=128), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("paused_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_paused_destinations")),
    )
    op.create_table(
        "setup_links",
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("secret_digest", name=op.f("pk_setup_links")),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("oidc_subject", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("login", name=op.f("uq_users_login")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_users_oidc_subject")),
    )
    op.create_table(
        "deferrals",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deferred_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_uid"], ["studies.study_uid"], name=op.f("fk_deferrals_study_uid_studies")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_deferrals_user_id_users")
        ),
        sa.PrimaryKeyConstraint("study_uid", name=op.f("pk_deferrals")),
    )
    op.create_table(
        "readings",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("until", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_uid"], ["studies.study_uid"], name=op.f("fk_readings_study_uid_studies")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_readings_user_id_users")
        ),
        sa.PrimaryKeyConstraint("study_uid", "user_id", name=op.f("pk_readings")),
    )
    op.create_table(
        "sessions",
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_sessions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("secret_digest", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("presence", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_login", sa.String(length=64), nullable=False),
        sa.Column("reviewer_name", sa.Text(), nullable=False),
        sa.Column("reviewer_organisation", sa.Text(), nullable=False),
        sa.Column("made_at", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("held_until", archive.schema.UtcDateTime(timezone=True), nullable=False),
        sa.Column("image_visible_milliseconds", sa.Integer(), nullable=False),
        sa.Column("blind_presence", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("predecessor_sop_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("report_sop_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", archive.schema.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"], ["results.result_id"], name=op.f("fk_reviews_result_id_results")
        ),
        sa.ForeignKeyConstraint(
            ["study_uid"], ["studies.study_uid"], name=op.f("fk_reviews_study_uid_studies")
        ),
        sa.ForeignKeyConstraint(
            ["supersedes"], ["reviews.review_id"], name=op.f("fk_reviews_supersedes_reviews")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_reviews_user_id_users")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.create_index("ix_reviews_due", ["state", "held_until"], unique=False)
        batch_op.create_index(batch_op.f("ix_reviews_result_id"), ["result_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reviews_study_uid"), ["study_uid"], unique=False)
        batch_op.create_index(batch_op.f("ix_reviews_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_reviews_current",
            ["study_uid"],
            unique=True,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )

    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("is_read", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("ai_presence", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("ai_probability", sa.Float(), nullable=True))
        batch_op.add_column(
            sa.Column("changed_at", archive.schema.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.create_index("ix_studies_changed_at", ["changed_at"], unique=False)
        batch_op.create_index("ix_studies_unread", ["is_read", "first_received_at"], unique=False)

    op.execute(_PROBABILITY_OF_STUDIES)
    op.execute(_PRESENCE_OF_STUDIES)
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.drop_index("ix_studies_unread")
        batch_op.drop_index("ix_studies_changed_at")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("ai_probability")
        batch_op.drop_column("ai_presence")
        batch_op.drop_column("is_read")

    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_reviews_current",
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )
        batch_op.drop_index(batch_op.f("ix_reviews_user_id"))
        batch_op.drop_index(batch_op.f("ix_reviews_study_uid"))
        batch_op.drop_index(batch_op.f("ix_reviews_result_id"))
        batch_op.drop_index("ix_reviews_due")

    op.drop_table("reviews")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id"))

    op.drop_table("sessions")
    op.drop_table("readings")
    op.drop_table("deferrals")
    op.drop_table("users")
    op.drop_table("setup_links")
    op.drop_table("paused_destinations")
    op.drop_table("oidc_attempts")
    op.drop_table("heat_maps")
    with op.batch_alter_table("errands", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_errands_destination"))

    op.drop_table("errands")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_study_uid")
        batch_op.drop_index("ix_audit_events_actor")

    op.drop_table("audit_events")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_change()")
    op.drop_table("api_tokens")
