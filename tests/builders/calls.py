"""Lines of the log of associations, as a node writes them."""

from dataclasses import replace
from datetime import UTC, datetime

from archive.association_records import AssociationOutcome, NewAssociation

A_CALL = NewAssociation(
    began_at=datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC),
    seconds=1.5,
    calling_ae_title="CT1",
    called_ae_title="HILUM",
    address="10.0.0.7",
    is_tls=True,
    outcome=AssociationOutcome.RELEASED,
    words="",
    stored=2,
    byte_count=5_000_000_000,
)
REJECTED = replace(
    A_CALL,
    outcome=AssociationOutcome.REJECTED,
    words="calling AE title not recognised at this address (result 1, source 1, reason 3)",
    stored=0,
    byte_count=0,
    count=7,
)
