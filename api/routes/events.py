"""`/api/v1/events`: which studies changed, as server-sent events; says nothing of a patient."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.problems import problem_responses
from api.schemas import ApiModel, Uid

router = APIRouter(prefix="/api/v1", tags=["reading"])

# A stream ends after this; the browser asks again by itself, and is checked again.
LONGEST_STREAM_SECONDS = 300.0
# How soon a stream notices that the server ends.
NOTICE_SECONDS = 0.5

Watcher = Annotated[Principal, Depends(allow(is_active=False))]


class EventBody(ApiModel):
    """One study that changed."""

    kind: str = Field(description="`study`, or `missed`: load everything anew.")
    study_uid: Uid | None
    revision: int | None


@router.get(
    "/events",
    operation_id="watch_events",
    summary="Studies that change, as they do",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Events whose data is `EventBody`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 503),
    },
)
async def watch_events(context: InContext, principal: Watcher) -> AsyncIterator[ServerSentEvent]:
    """Stream changes; begins with `missed`, since whatever came before was not seen."""
    del principal
    ends_at = time.monotonic() + LONGEST_STREAM_SECONDS
    async with context.changes.listening() as queue:
        yield _event(EventBody(kind="missed", study_uid=None, revision=None))
        while time.monotonic() < ends_at and not context.is_stopping.is_set():
            try:
                change = await asyncio.wait_for(queue.get(), NOTICE_SECONDS)
            except TimeoutError:
                continue
            if queue.full():
                yield _event(EventBody(kind="missed", study_uid=None, revision=None))
            yield _event(
                EventBody(kind="study", study_uid=change.study_uid, revision=change.revision)
            )


def _event(body: EventBody) -> ServerSentEvent:
    return ServerSentEvent(event="change", data=body.model_dump())
