"""The tables of accounts, sessions, tokens and the audit trail."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from archive.schema import UID_LENGTH, UtcDateTime, metadata

DIGEST_LENGTH = 64  # SHA-256 in hexadecimal

users = Table(
    "users",
    metadata,
    Column("user_id", Integer, primary_key=True, autoincrement=True),
    # Lower case, so that two accounts cannot differ in case only.
    Column("login", String(64), nullable=False, unique=True),
    Column("person_name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", Text),
    Column("oidc_subject", Text, unique=True),
    Column("is_active", Boolean, nullable=False),
    Column("is_shared", Boolean, nullable=False),
    # Wants to say what he or she sees before the AI result is shown.
    Column("is_blind_first", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_sign_in_at", UtcDateTime),
)

# The cookie's secret is not here: only its digest, so that a copy of the database opens no session.
sessions = Table(
    "sessions",
    metadata,
    Column("secret_digest", String(DIGEST_LENGTH), primary_key=True),
    Column("user_id", ForeignKey("users.user_id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    # So that a person knows their own sessions again.
    Column("address", Text, nullable=False, server_default=""),
    Column("browser", Text, nullable=False, server_default=""),
    # What the OpenID provider said who it is; the provider wants it to end its own session.
    Column("id_token", Text),
)

# One row at most: how the first account is made.
setup_links = Table(
    "setup_links",
    metadata,
    Column("secret_digest", String(DIGEST_LENGTH), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)

# One row for an account at most: how its person chooses a password.
password_links = Table(
    "password_links",
    metadata,
    Column("secret_digest", String(DIGEST_LENGTH), primary_key=True),
    Column("user_id", ForeignKey("users.user_id"), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

# A browser on its way to the OpenID provider and back (RFC 7636 verifier, OpenID nonce).
oidc_attempts = Table(
    "oidc_attempts",
    metadata,
    Column("state_digest", String(DIGEST_LENGTH), primary_key=True),
    Column("code_verifier", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    # The page that was asked for.
    Column("target", Text, nullable=False, server_default="/"),
    Column("created_at", UtcDateTime, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", String(16), primary_key=True),
    Column("secret_digest", String(DIGEST_LENGTH), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_by", Text, nullable=False),
    # Whose token it is; NULL: the installation's, which outlives who made it.
    Column("user_id", ForeignKey("users.user_id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

# Triggers of the migration refuse every UPDATE and DELETE here.
audit_events = Table(
    "audit_events",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("study_uid", String(UID_LENGTH), nullable=False),
    Column("address", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Column("previous_digest", String(DIGEST_LENGTH), nullable=False),
    Column("digest", String(DIGEST_LENGTH), nullable=False),
    Index("ix_audit_events_study_uid", "study_uid"),
    Index("ix_audit_events_actor", "actor"),
)
