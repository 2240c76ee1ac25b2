"""Keeps the parts of an installation running as child processes.

Knows nothing of what they do: it starts commands, hears them say `ready`, starts again what ends.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable

import structlog

# The exit status of a command whose settings are wrong; starting it again would not help.
CONFIGURATION_ERROR = 2
# A part that ends by itself is started again after this long; doubled each time, up to the most,
# while it never gets as far as `ready`.
FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
# What is being received or sent when SIGTERM comes is finished within this time.
STOP_SECONDS = 10.0

log = structlog.get_logger()


class ProcessGroup:
    """The parts of an installation as child processes, started again when they end.

    A child says `ready` on its standard output and stops when its standard input ends, so that
    none outlives this process even if it is killed.

    Parameters
    ----------
    commands
        One command per child.
    stop
        Set by the signals that end the group.
    """

    def __init__(self, commands: list[list[str]], stop: threading.Event) -> None:
        self._commands = commands
        self._stop = stop
        self._exit_status = 0
        self._waiting_for = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._children: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
        self._renewed: subprocess.Popen[bytes] | None = None

    def run(self, *, on_ready: Callable[[], None]) -> int:
        """Keep the children running until told to stop; returns the exit status."""
        keepers = [
            threading.Thread(target=self._keep_running, args=(command,), daemon=True)
            for command in self._commands
        ]
        for keeper in keepers:
            keeper.start()
        if self._all_ready():
            on_ready()
        self._stop.wait()
        for keeper in keepers:
            keeper.join(STOP_SECONDS + 2)
        return self._exit_status

    def end(self, exit_status: int) -> None:
        """Make `run` end the children and return `exit_status`."""
        self._exit_status = exit_status
        self._stop.set()

    def start_again(self, commands: Iterable[list[str]]) -> None:
        """End the children of these commands, one after the other; each starts again at once."""
        for command in commands:
            with self._lock:
                child = self._renewed = self._children.get(tuple(command))
            if child is not None:
                _end(child)

    def _all_ready(self) -> bool:
        for _ in self._commands:
            while not self._waiting_for.acquire(timeout=0.1):
                if self._stop.is_set():
                    return False
        return True

    def _keep_running(self, command: list[str]) -> None:
        pause = FIRST_RESTART_SECONDS
        was_ready = False
        while not self._stop.is_set():
            status, ready = self._run_once(command, count_ready=not was_ready)
            was_ready = was_ready or ready
            if self._stop.is_set():
                return
            if status == CONFIGURATION_ERROR and not was_ready:
                self.end(status)
                return
            # One that worked before may find settings that are wrong by now: the others go on.
            # What could work before is needed at once; what never could is tried ever later.
            pause = FIRST_RESTART_SECONDS if ready else min(pause * 2, LONGEST_RESTART_SECONDS)
            if not self._was_renewed(command):
                log.error("part ended, starting it again", status=status, seconds=pause)
                self._stop.wait(pause)

    def _was_renewed(self, command: list[str]) -> bool:
        with self._lock:
            return self._children.pop(tuple(command)) is self._renewed

    def _run_once(self, command: list[str], *, count_ready: bool) -> tuple[int, bool]:
        child = subprocess.Popen(  # noqa: S603  # our own command line
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        with self._lock:
            self._children[tuple(command)] = child
        threading.Thread(target=self._end_with_group, args=(child,), daemon=True).start()
        ready = False
        assert child.stdout is not None  # noqa: S101  # PIPE above
        for line in child.stdout:
            if line.strip() == b"ready" and not ready:
                ready = True
                if count_ready:
                    self._waiting_for.release()
        return child.wait(), ready

    def _end_with_group(self, child: "subprocess.Popen[bytes]") -> None:
        while child.poll() is None and not self._stop.wait(0.2):
            pass
        if child.poll() is None:
            _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def stop_when_parent_ends(stop: threading.Event) -> None:
    """Set `stop` when standard input ends, which a parent's death brings about."""

    def watch() -> None:
        # Unbuffered: a thread that waits inside a buffered reader keeps Python from ending.
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
