"""What administrators see and do; the JSON routes and the page use the same."""

from api.dependencies import Context
from api.errors import UnknownThing
from api.operation_schemas import (
    OperationBody,
    ReplayBody,
    destination_body,
    process_body,
    queue_body,
)

# So many are sent again at once; asking again takes the next.
MOST_AT_ONCE = 5000


def operation_of(context: Context) -> OperationBody:
    """Return how the installation stands now."""
    repository = context.archive.repository
    destinations = context.settings.destinations
    standings = repository.destination_standings([one.name for one in destinations])
    return OperationBody(
        queues=[queue_body(depth) for depth in repository.queue_depths()],
        processes=[process_body(beat) for beat in repository.beats()],
        destinations=[
            destination_body(standing, one)
            for one, standing in zip(destinations, standings, strict=True)
        ],
        failed_reviews=len(repository.failed_reviews()),
        free_bytes=context.archive.files.free_bytes(),
    )


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
