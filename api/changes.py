"""Tells open pages which studies changed, whichever process changed them.

One look at the archive serves all pages: while anybody listens, a task asks for the studies that
changed, a few times a second, and hands them to every listener.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import structlog

from archive.database import Archive
from archive.errors import ArchiveError
from archive.review_records import Change

LOOK_SECONDS = 0.25
# Rows of different hosts may be stamped by clocks that differ, and become visible out of order.
OVERLAP = timedelta(seconds=3)
# A page that does not take its events for this many is told to load everything anew.
LONGEST_QUEUE = 500

_log = structlog.get_logger()


class ChangeFeed:
    """Changes of studies for any number of listeners in one event loop."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._listeners: set[asyncio.Queue[Change]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._seen: dict[tuple[str, datetime], None] = {}
        self._since = datetime.now(UTC)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Change]]:
        """Give a queue of changes from now on; one that is full has lost some."""
        queue: asyncio.Queue[Change] = asyncio.Queue(LONGEST_QUEUE)
        if not self._listeners:
            self._since, self._seen = datetime.now(UTC) - OVERLAP, {}
            await self._look(tell=False)
            self._looking = asyncio.create_task(self._keep_looking())
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look(tell=True)
            except ArchiveError as error:
                _log.warning("archive does not answer", error=type(error).__name__)

    async def _look(self, *, tell: bool) -> None:
        found = await asyncio.to_thread(self._archive.repository.changes, self._since)
        fresh = [c for c in found if (c.study_uid, c.changed_at) not in self._seen]
        if not fresh:
            return
        newest = max(change.changed_at for change in fresh)
        self._since = max(self._since, newest - OVERLAP)
        self._seen |= {(change.study_uid, change.changed_at): None for change in fresh}
        self._seen = {key: None for key in self._seen if key[1] >= self._since}
        if tell:
            for queue in self._listeners:
                for change in fresh:
                    with contextlib.suppress(asyncio.QueueFull):
                        queue.put_nowait(change)
