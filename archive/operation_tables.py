"""The tables of operation: errands of senders, paused destinations, who called and was let in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
)

from archive.schema import UtcDateTime, metadata

# An echo or a test object that an administrator wants sent; the sender does it and says how it was.
errands = Table(
    "errands",
    metadata,
    Column("errand_id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("destination", Text, nullable=False, index=True),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("is_ok", Boolean),
    Column("words", Text, nullable=False),
    Column("seconds", Float),
)

paused_destinations = Table(
    "paused_destinations",
    metadata,
    Column("destination", String(128), primary_key=True),
    Column("paused_by", Text, nullable=False),
    Column("paused_at", UtcDateTime, nullable=False),
)

# An administrator asked the nodes to read their rules again; each compares with what it last did.
rule_reloads = Table(
    "rule_reloads",
    metadata,
    Column("reload_id", Integer, primary_key=True, autoincrement=True),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
)

# The rules that each node works by, and why it did not take newer ones.
rule_standings = Table(
    "rule_standings",
    metadata,
    Column("node", String(128), primary_key=True),
    Column("rules_sha256", String(64), nullable=False),
    Column("rule_count", Integer, nullable=False),
    Column("loaded_at", UtcDateTime, nullable=False),
    Column("fault", Text, nullable=False),
    Column("faulted_at", UtcDateTime),
)

# Associations and connections that the listener turned away since the archive was made.
rejections = Table(
    "rejections",
    metadata,
    Column("reason", String(32), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

# Who called at the DICOM port, one line for each association that is over; bounded in number.
associations = Table(
    "associations",
    metadata,
    Column("association_id", Integer, primary_key=True, autoincrement=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("calling_ae_title", String(16), nullable=False, index=True),
    Column("called_ae_title", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("is_tls", Boolean, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("words", Text, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    # Calls that were turned away alike share a line.
    Column("count", Integer, nullable=False),
)

# How far the audit trail was sent to the audit server; one sender at a time has the claim.
audit_exports = Table(
    "audit_exports",
    metadata,
    Column("receiver", String(16), primary_key=True),
    # Of the last line that the server has.
    Column("event_id", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("fault", Text, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("claimed_by", Text),
    Column("lease_until", UtcDateTime),
)

# Deliveries that were given up; a trigger of the migrations adds them.
give_ups = Table(
    "give_ups",
    metadata,
    Column("give_up_id", Integer, primary_key=True, autoincrement=True),
    Column("delivery_id", ForeignKey("deliveries.delivery_id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Of the last one that each webhook was told of.
give_ups_told = Table(
    "give_ups_told",
    metadata,
    Column("webhook", String(128), primary_key=True),
    Column("give_up_id", Integer, nullable=False),
)
