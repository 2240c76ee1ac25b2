"""The uvicorn server of the web process: ends when told, and says that it lives."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable

import structlog
import uvicorn

from api.tls import WebTls
from archive.database import Archive
from archive.errors import ArchiveError
from archive.records import ProcessKind
from config.watchdog import expect_within

BEAT_SECONDS = 2.0
# An event loop that did not come round for so long answers nobody, and never will.
LONGEST_ROUND_SECONDS = 120.0
# Streams may be open; after this they are cut, so that a stop is never held up by a browser.
GRACEFUL_SHUTDOWN_SECONDS = 3

_log = structlog.get_logger()


class WebServer(uvicorn.Server):
    """A server that stops by an event instead of signals, and beats from its own event loop.

    A hung event loop therefore stops beating, readiness says so, and at last the process ends.

    Parameters
    ----------
    config
        uvicorn's settings with the application.
    archive
        Where to beat.
    tls
        Renewed with each beat; None where plain HTTP is spoken.
    stop
        Ends the server when set.
    on_ready
        Called once the port listens.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        archive: Archive,
        tls: WebTls | None,
        stop: threading.Event,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._archive = archive
        self._tls = tls
        self._stop = stop
        self._on_ready = on_ready
        self._next_beat = 0.0
        self._beating: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, beat once, then say so."""
        expect_within(LONGEST_ROUND_SECONDS)
        await super().startup(sockets)
        await asyncio.to_thread(self._beat)
        self._next_beat = time.monotonic() + BEAT_SECONDS
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Beat when it is time; true ends the server."""
        is_free = self._beating is None or self._beating.done()
        if is_free and time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_SECONDS
            expect_within(LONGEST_ROUND_SECONDS)
            self._beating = asyncio.create_task(asyncio.to_thread(self._beat))
        return self._stop.is_set() or await super().on_tick(counter)

    def _beat(self) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        try:
            self._archive.repository.beat(ProcessKind.API, name)
            if self._tls is not None:
                self._tls.renew(self._archive.repository.last_rule_reload())
        except ArchiveError as error:
            _log.warning("beat failed", error=type(error).__name__)
