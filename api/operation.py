"""What administrators see and do; the JSON routes and the page use the same."""

import time

import structlog

from api.dependencies import Context
from api.errors import RulesRefused, UnknownThing
from api.operation_schemas import (
    DestinationBody,
    OperationBody,
    ReplayBody,
    RulesBody,
    audit_export_body,
    destination_body,
    process_body,
    queue_body,
    rule_standing_body,
)
from archive.operation_records import Errand, ErrandKind
from config.rules_file import RulesInvalid, load_rules

_log = structlog.get_logger()

# A sender looks twice a second; a destination that is there answers at once.
PATIENCE_SECONDS = 5.0
# So many are sent again at once; asking again takes the next.
MOST_AT_ONCE = 5000


def operation_of(context: Context) -> OperationBody:
    """Return how the installation stands now."""
    repository = context.archive.repository
    return OperationBody(
        queues=[queue_body(depth) for depth in repository.queue_depths()],
        processes=[process_body(beat) for beat in repository.beats()],
        destinations=destinations_of(context),
        rules=[rule_standing_body(one) for one in repository.rule_standings()],
        rejections=repository.rejection_counts(),
        audit_export=(
            audit_export_body(repository.audit_export_standing(), context.settings.syslog.address)
            if context.settings.syslog.is_on
            else None
        ),
        failed_reviews=len(repository.failed_reviews()),
        free_bytes=context.archive.files.free_bytes(),
    )


def destinations_of(context: Context) -> list[DestinationBody]:
    """Return how every destination of the settings stands."""
    destinations = context.settings.destinations
    names = [one.name for one in destinations]
    standings = context.archive.repository.destination_standings(names)
    return [
        destination_body(standing, one)
        for one, standing in zip(destinations, standings, strict=True)
    ]


def replay(context: Context, body: ReplayBody) -> int:
    """Send deliveries again; returns how many, none where nothing says which."""
    numbers = list(body.delivery_ids)
    if not numbers and body.state is not None:
        numbers = list(
            context.archive.repository.deliveries_matching(
                state=body.state, destination=body.destination, limit=MOST_AT_ONCE
            )
        )
    return context.archive.repository.replay_deliveries(numbers)


def known_destination(context: Context, name: str) -> str:
    """Return the name of a destination of the settings.

    Raises
    ------
    UnknownThing
        The settings have none of this name.
    """
    if name not in {one.name for one in context.settings.destinations}:
        raise UnknownThing("there is no such destination")
    return name


def reload_rules(context: Context, *, asked_by: str) -> RulesBody:
    """Check the rules file and, where it can be used, ask every node to read it again.

    Raises
    ------
    RulesRefused
        The rules are wrong; the nodes keep what they have.
    """
    try:
        book = load_rules(context.settings)
    except RulesInvalid as error:
        _log.error("new rules are wrong, the old ones stay", error=str(error))
        raise RulesRefused(str(error)) from None
    context.archive.repository.ask_rule_reload(asked_by=asked_by)
    return RulesBody(rules_sha256=book.sha256, rule_count=len(book.rules))


def try_out(context: Context, kind: ErrandKind, name: str, asked_by: str) -> Errand:
    """Let a sender try a destination; returns what came of it, if it came soon."""
    repository = context.archive.repository
    errand_id = repository.ask_errand(kind, known_destination(context, name), asked_by=asked_by)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        errand = repository.errand(errand_id)
        if errand.finished_at or time.monotonic() > ends_at or context.is_stopping.wait(0.1):
            return errand
