"""The tables of priors: which studies were searched for theirs, and what was asked to come."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from archive.prior_records import PriorState
from archive.schema import UID_LENGTH, UtcDateTime, metadata

# One row for each study whose earlier studies were, or are being, looked for.
prior_searches = Table(
    "prior_searches",
    metadata,
    Column("study_uid", ForeignKey("studies.study_uid"), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("words", Text, nullable=False),
)

# Studies that we asked an archive to send as priors: they are kept for reading, not analysed, and
# shown as priors only once all that came was compared with the patient.
expected_priors = Table(
    "expected_priors",
    metadata,
    Column("study_uid", String(UID_LENGTH), primary_key=True),
    Column("source", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("issuer_of_patient_id", Text, nullable=False),
    Column("state", String(16), nullable=False, default=PriorState.EXPECTED),
    Column("expected_until", UtcDateTime, nullable=False),
)
