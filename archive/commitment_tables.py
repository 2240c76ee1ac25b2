"""The tables of storage commitment: what a destination was asked to keep, and what it answered."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from archive.schema import UID_LENGTH, UtcDateTime, metadata

commitments = Table(
    "commitments",
    metadata,
    Column("transaction_uid", String(UID_LENGTH), primary_key=True),
    Column("destination", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    # OPEN: when the answer is overdue. FAILED or UNSENT: when its objects may be asked for again.
    Column("due_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("reason", Text, nullable=False),
    Index("ix_commitments_due", "destination", "state", "due_at"),
)

commitment_items = Table(
    "commitment_items",
    metadata,
    Column("transaction_uid", ForeignKey("commitments.transaction_uid"), primary_key=True),
    Column(
        "delivery_id", Integer, ForeignKey("deliveries.delivery_id"), primary_key=True, index=True
    ),
)
