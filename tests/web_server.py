"""Web servers in a thread of the test: our web process, and those that it or we call."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import HTTPServer

from api.app import run
from archive.database import Archive
from config.settings import Settings


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(archive: Archive, settings: Settings) -> Iterator[Callable[[], None]]:
    """The web process in a thread, ready; gives the way to end it."""
    stop, is_ready = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=run, args=(settings, archive, stop), kwargs={"on_ready": is_ready.set}
    )
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(timeout=10)
        assert not thread.is_alive()

    try:
        assert is_ready.wait(10)
        yield end
    finally:
        end()


@contextmanager
def listening(server: HTTPServer) -> Iterator[int]:
    """A server of the standard library, answering in a thread; gives its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
