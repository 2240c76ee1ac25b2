"""Archives that have been in use for long: a history of read studies, and the work of today."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Engine, Table, insert, select

from archive.account_records import AuditAction, AuditEntry
from archive.database import Archive
from archive.operation_records import FailureQuery
from archive.records import ReportKind, StudyUid
from archive.repository import Repository
from archive.retention_records import RetentionRule
from archive.review_records import StudyQuery
from archive.schema import UtcDateTime, metadata
from tests.builders.arrivals import a_report, an_arrival
from tests.builders.finished import deliver_everything
from tests.builders.people import a_radiologist, a_review
from tests.web import report_study

Question = Callable[[Repository], object]

PAGE = 50
CAP_SECONDS = 24 * 3600.0
LEASE_SECONDS = 600.0
# One at which nothing of today waits.
QUIET_DESTINATION = "registry"
_READ = StudyUid("1.2.3.1")
_UNREAD = 1_000_000  # the first number of those that wait for a reader; so with the next
_QUEUED = 2_000_000
_NEW = 3_000_000
_STUDIES_OF_A_PATIENT = 3
_ROWS_AT_ONCE = 500
_OF_A_STUDY = (
    "studies", "instances", "results", "findings",
    "reports", "deliveries", "reviews", "audit_events",
)  # fmt: skip
_NUMBERS = ("result_id", "finding_id", "delivery_id", "review_id", "event_id")


def fill(archive: Archive, engine: Engine, *, history: int, waiting: int) -> None:
    """Fill an empty archive.

    Parameters
    ----------
    history
        So many studies, from a minute to so many minutes old, were analysed, delivered and read.
    waiting
        So many more wait for a worker, and as many for a reader, their reports for a destination.
    """
    _read_study(archive)
    _repeat(engine, history - 1)
    for number in range(waiting):
        report_study(archive, _UNREAD + number)
    for number in range(waiting):
        archive.repository.record_instance(an_arrival(_QUEUED + number, 1))
    archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=600)


def _read_study(archive: Archive) -> None:
    repository = archive.repository
    report_study(archive)
    deliver_everything(archive)
    repository.add_review(a_review(archive, a_radiologist(archive), held_seconds=0.0))
    (claim,) = repository.claim_reviews("w", limit=1, lease_seconds=60, maximum_attempts=3)
    report = a_report(1, 950, ReportKind.REVIEW)
    repository.finish_review(claim, report, destinations=["pacs", QUIET_DESTINATION])
    for destination in ("pacs", QUIET_DESTINATION):
        deliver_everything(archive, destination)
    for action in (AuditAction.STUDY_OPENED, AuditAction.IMAGE_SHOWN, AuditAction.REVIEW):
        repository.record_audit(AuditEntry(actor="ito", action=action, study_uid=_READ))


def _repeat(engine: Engine, count: int) -> None:
    for name in _OF_A_STUDY:
        table = metadata.tables[name]
        with engine.begin() as connection:
            rows = [dict(row) for row in connection.execute(select(table)).mappings()]
            for start in range(1, count + 1, _ROWS_AT_ONCE):
                numbers = range(start, min(start + _ROWS_AT_ONCE, count + 1))
                made = [_like(table, row, number) for number in numbers for row in rows]
                connection.execute(insert(table), made)


def _like(table: Table, row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the row of another study, so many minutes older."""
    changed = {}
    for name, value in row.items():
        if value is None:
            continue
        if name in _NUMBERS:
            # Below zero, where no sequence gets to.
            changed[name] = value - number * 100
        elif name.endswith("_uid") and str(value).startswith(_READ):
            changed[name] = f"{value}.{number}"
        elif isinstance(table.c[name].type, UtcDateTime):
            changed[name] = value - timedelta(minutes=number)
        elif name == "patient_id":
            changed[name] = f"P{number // _STUDIES_OF_A_PATIENT}"
        elif name == "accession_number":
            changed[name] = f"A{number}"
    return {**row, **changed}


def _arrivals() -> Iterator[int]:
    number = _NEW
    while True:
        yield number
        number += 1


def questions_of_the_day() -> dict[str, Question]:
    """Return what the processes and people ask all day about the work of today, by name.

    Each may be asked again and again; every claim takes up to four of what waits.
    """
    arrivals = _arrivals()
    unread = StudyUid(f"1.2.3.{_UNREAD}")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    received = an_arrival(1, 1).key.sop_instance_uid
    rule = RetentionRule(older_than=timedelta(minutes=1), actor="benchmark")
    return {
        "node: record an image": lambda r: r.record_instance(an_arrival(next(arrivals), 1)),
        "node: is this image here?": lambda r: r.recorded_file(received),
        "node: queue what is complete": lambda r: r.queue_complete_studies(
            quiet_period_seconds=1e6, cap_seconds=1e6
        ),
        "worker: claim studies": lambda r: r.claim_studies(
            "w", limit=4, lease_seconds=LEASE_SECONDS, maximum_attempts=3
        ),
        "worker: is a tried one next?": lambda r: r.tried_study_is_next(),
        "worker: keep the leases": lambda r: r.extend_study_leases(
            "w", lease_seconds=LEASE_SECONDS
        ),
        "worker: claim decisions": lambda r: r.claim_reviews(
            "w", limit=4, lease_seconds=LEASE_SECONDS, maximum_attempts=3
        ),
        "sender: claim": lambda r: r.claim_deliveries(
            "s", "pacs", limit=4, lease_seconds=LEASE_SECONDS
        ),
        "sender: claim, nothing is due": lambda r: r.claim_deliveries(
            "s", QUIET_DESTINATION, limit=4, lease_seconds=LEASE_SECONDS
        ),
        "sender: keep the leases": lambda r: r.extend_delivery_leases(
            "s", lease_seconds=LEASE_SECONDS
        ),
        "sender: commitments overdue": lambda r: r.expire_commitments(
            "pacs", most_attempts=3, reason=""
        ),
        "reader: worklist": lambda r: r.worklist(limit=PAGE, waiting_cap_seconds=CAP_SECONDS),
        "reader: counts": lambda r: r.worklist_counts(waiting_cap_seconds=CAP_SECONDS),
        "reader: what changed": lambda r: r.changes(tomorrow),
        "reader: a study": lambda r: r.study(unread),
        "reader: its priors": lambda r: r.priors(unread),
        "administrator: studies": lambda r: r.studies(limit=PAGE),
        "administrator: queues": lambda r: r.queue_depths(),
        "administrator: failures": lambda r: r.failures(FailureQuery(), limit=PAGE),
        "administrator: audit trail": lambda r: r.audit_events(limit=PAGE),
        "metrics: worklist": lambda r: r.worklist_depths(waiting_cap_seconds=CAP_SECONDS),
        "PACS: a patient": lambda r: r.find_studies(StudyQuery(patient_id="P7")),
        "PACS: an accession number": lambda r: r.find_studies(StudyQuery(accession_number="A7")),
        "retention: the next to go": lambda r: r.candidates(
            rule, r.retention_limit(rule), limit=10, after=None
        ),
    }


# These count the history, or look through it for words that may stand anywhere.
QUESTIONS_OF_THE_HISTORY: Mapping[str, Question] = MappingProxyType(
    {
        "administrator: destinations": lambda r: r.destination_standings(["pacs"]),
        "metrics: studies by state": lambda r: r.study_counts(),
        "metrics: deliveries by state": lambda r: r.delivery_counts(),
        "reader: find by words": lambda r: r.studies(limit=PAGE, text="nobody"),
    }
)
