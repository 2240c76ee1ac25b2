"""The JSON of operation: queues, processes, destinations, and what is sent again."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from api.schemas import ApiModel, Uid, only_numbers
from archive import operation_records, records
from archive.operation_records import ErrandKind
from archive.prior_records import PriorSearch, PriorSearchState
from archive.records import DeliveryState, ProcessKind
from config.destinations import Destination, DimseDestination

# The limits stand before the validator, or they would be missing in the document.
RowNumber = Annotated[int, Field(ge=1, le=(1 << 31) - 1), BeforeValidator(only_numbers)]
DestinationName = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class QueueBody(ApiModel):
    """How much waits at one stage."""

    stage: str
    count: int = Field(ge=0)
    oldest_age_seconds: float = Field(ge=0)


class ProcessBody(ApiModel):
    """A part of the process group and when it was last heard."""

    kind: ProcessKind
    name: str
    age_seconds: float = Field(ge=0)
    detail: str


class ErrandBody(ApiModel):
    """One try at a destination and what came of it."""

    errand_id: int
    kind: ErrandKind
    destination: str
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    is_ok: bool | None = Field(description="Null as long as no sender has run it.")
    words: str
    seconds: float | None


class DestinationBody(ApiModel):
    """How one destination stands."""

    name: str
    kind: str
    address: str
    ae_title: str | None = Field(description="Of kind `dimse` only, as are host and port.")
    host: str | None
    port: int | None
    is_paused: bool
    paused_by: str
    waiting: int = Field(ge=0)
    oldest_waiting_seconds: float = Field(ge=0)
    delivered: int = Field(ge=0)
    committed: int = Field(ge=0, description="Of those delivered, confirmed to be kept.")
    gave_up: int = Field(ge=0)
    last_delivered_at: datetime | None
    last_failure: str
    last_errand: ErrandBody | None = Field(description="The last echo or test object.")


class DestinationList(ApiModel):
    """Every destination of the settings."""

    destinations: list[DestinationBody]


class RuleStandingBody(ApiModel):
    """The rules that one node works by."""

    node: str
    rules_sha256: str = Field(description="Version: SHA-256 of the rules file.")
    rule_count: int = Field(ge=0)
    loaded_at: datetime
    fault: str = Field(description="Why newer rules were not taken; empty where they were.")
    faulted_at: datetime | None


class RulesBody(ApiModel):
    """Rules that every node was asked to read again."""

    rules_sha256: str = Field(description="Version: SHA-256 of the rules file.")
    rule_count: int = Field(ge=0)


class AuditExportBody(ApiModel):
    """How far the audit trail got to the hospital's audit server."""

    address: str
    waiting: int = Field(ge=0, description="Lines that it has not got yet.")
    oldest_waiting_seconds: float = Field(ge=0)
    last_sent_at: datetime | None
    fault: str = Field(description="Why the last attempt failed; empty where it did not.")
    failing_since: datetime | None


class OperationBody(ApiModel):
    """What an administrator looks at first."""

    queues: list[QueueBody]
    processes: list[ProcessBody]
    destinations: list[DestinationBody]
    rules: list[RuleStandingBody]
    rejections: dict[str, int] = Field(
        description="Associations that the DICOM port turned away, by reason."
    )
    audit_export: AuditExportBody | None = Field(
        description="Null where the audit trail is sent nowhere."
    )
    failed_reviews: int = Field(ge=0, description="Decisions without a verified report.")
    free_bytes: int = Field(ge=0)


class PriorSearchBody(ApiModel):
    """One search for the earlier studies of a patient in other archives."""

    study_uid: Uid
    state: PriorSearchState
    attempt: int = Field(ge=0)
    next_attempt_at: datetime = Field(description="Of one that waits; else of no meaning.")
    finished_at: datetime | None
    words: str = Field(description="What came of the last attempt.", examples=["2 fetched"])


class PriorSearchList(ApiModel):
    """Searches, the last made first; the next page is in the Link header and in `next_cursor`."""

    searches: list[PriorSearchBody]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


class ReplayBody(ApiModel):
    """Which deliveries are sent again: those named, or all in a state."""

    delivery_ids: list[RowNumber] = Field(default_factory=list, max_length=1000)
    state: DeliveryState | None = Field(
        default=None, description="All in this state, where none is named.", examples=["GAVE_UP"]
    )
    destination: DestinationName | None = Field(
        default=None, description="Only to this destination."
    )


def queue_body(depth: records.QueueDepth) -> QueueBody:
    """Return the JSON of one stage."""
    return QueueBody(
        stage=depth.stage, count=depth.count, oldest_age_seconds=depth.oldest_age_seconds
    )


def process_body(beat: records.ProcessBeat) -> ProcessBody:
    """Return the JSON of one process."""
    return ProcessBody(
        kind=beat.kind, name=beat.name, age_seconds=beat.age_seconds, detail=beat.detail
    )


def destination_body(
    standing: operation_records.DestinationStanding, destination: Destination
) -> DestinationBody:
    """Return the JSON of one destination."""
    dimse = destination if isinstance(destination, DimseDestination) else None
    return DestinationBody(
        name=standing.destination,
        kind=destination.kind,
        address=destination.address,
        ae_title=dimse.ae_title if dimse else None,
        host=dimse.host if dimse else None,
        port=dimse.port if dimse else None,
        is_paused=standing.is_paused,
        paused_by=standing.paused_by,
        waiting=standing.waiting,
        oldest_waiting_seconds=standing.oldest_waiting_seconds,
        delivered=standing.delivered,
        committed=standing.committed,
        gave_up=standing.gave_up,
        last_delivered_at=standing.last_delivered_at,
        last_failure=standing.last_failure,
        last_errand=errand_body(standing.last_errand) if standing.last_errand else None,
    )


def audit_export_body(
    standing: operation_records.AuditExportStanding, address: str
) -> AuditExportBody:
    """Return the JSON of the audit trail on its way."""
    return AuditExportBody(
        address=address,
        waiting=standing.waiting,
        oldest_waiting_seconds=standing.oldest_waiting_seconds,
        last_sent_at=standing.last_sent_at,
        fault=standing.fault,
        failing_since=standing.failing_since,
    )


def errand_body(errand: operation_records.Errand) -> ErrandBody:
    """Return the JSON of one errand."""
    return ErrandBody(
        errand_id=errand.errand_id,
        kind=errand.kind,
        destination=errand.destination,
        asked_by=errand.asked_by,
        asked_at=errand.asked_at,
        finished_at=errand.finished_at,
        is_ok=errand.is_ok,
        words=errand.words,
        seconds=errand.seconds,
    )


def prior_search_body(search: PriorSearch) -> PriorSearchBody:
    """Return the JSON of one search for priors."""
    return PriorSearchBody(
        study_uid=search.study_uid,
        state=search.state,
        attempt=search.attempt,
        next_attempt_at=search.next_attempt_at,
        finished_at=search.finished_at,
        words=search.words,
    )


def rule_standing_body(standing: operation_records.RuleStanding) -> RuleStandingBody:
    """Return the JSON of one node's rules."""
    return RuleStandingBody(
        node=standing.node,
        rules_sha256=standing.rules_sha256,
        rule_count=standing.rule_count,
        loaded_at=standing.loaded_at,
        fault=standing.fault,
        faulted_at=standing.faulted_at,
    )
