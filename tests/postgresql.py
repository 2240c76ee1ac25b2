"""A PostgreSQL server of the tests' own: initdb in a temporary folder, loopback only."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.processes import free_port, running, wait_until

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")


def find_server_programs() -> Path | None:
    """Return the folder with initdb and postgres, the newest version first."""
    for folder in sorted(DEBIAN_PROGRAMS.glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server; every test makes its own database in it."""

    port: int
    folder: Path
    programs: Path

    @property
    def administration_url(self) -> str:
        return f"postgresql://hilum@127.0.0.1:{self.port}/postgres"

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator["PostgresServer"]:
        programs = find_server_programs()
        assert programs is not None
        # Not below pytest's folders: those are closed to the server's user, and every further
        # test run on the machine closes them again.
        with tempfile.TemporaryDirectory(prefix="hilum-postgresql-") as name:
            folder = Path(name)
            server = cls(port=free_port(), folder=folder, programs=programs)
            user = server._give_to_server_user()
            server._run(["initdb", "-D", folder / "data", "-U", "hilum", "-A", "trust", "-N"], user)
            with server.started(user):
                yield server

    @contextlib.contextmanager
    def started(self, user: str | None) -> Iterator["subprocess.Popen[bytes]"]:
        command: list[str | Path] = [
            self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
        ]  # fmt: skip
        with running(command, log=self.folder / "server.log", user=user) as process:
            wait_until(self.answers, within_seconds=30, what="PostgreSQL")
            yield process

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.administration_url, connect_timeout=2).close()
            return True
        return False

    @contextlib.contextmanager
    def new_database(self, *, like: str = "template1") -> Iterator[str]:
        """A database for the time of a block, a copy of another one to which nobody is joined."""
        name = f"test_{uuid.uuid4().hex}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {like}")
        try:
            yield f"postgresql://hilum@127.0.0.1:{self.port}/{name}"
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.administration_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _give_to_server_user(self) -> str | None:
        """PostgreSQL refuses to run as root; Debian's package brings the user `postgres`."""
        if os.geteuid() != 0:
            return None
        user = pwd.getpwnam("postgres")
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        return user.pw_name

    def _run(self, command: Sequence[str | Path], user: str | None) -> None:
        program, *arguments = (str(part) for part in command)
        subprocess.run(
            [self.programs / program, *arguments], check=True, capture_output=True, user=user
        )
