"""`hilum serve` as a site runs it: its own processes, its own settings file, real ports."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from archive.database import Archive, open_archive
from config.settings import ArchiveSettings
from tests.processes import free_port, wait_until

ROOT = Path(__file__).parents[1]
READY_SECONDS = 180


@dataclass(kw_only=True)
class Site:
    """One installation in a folder: its settings, and what is started from them."""

    folder: Path
    host: str = "127.0.0.1"
    dicom_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    destinations: Sequence[dict[str, Any]] = ()
    peers: Sequence[dict[str, Any]] = ({"ae_title": "STORESCU", "host": "127.0.0.1"},)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def settings_file(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def log_file(self) -> Path:
        return self.folder / "hilum.log"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def write_settings(self) -> None:
        settings: dict[str, Any] = {
            "node": {"host": self.host, "port": self.dicom_port, "quiet_period_seconds": 0.3},
            "archive": {
                "root": str(self.folder / "files"),
                "database_url": f"sqlite:///{self.folder / 'hilum.db'}",
            },
            "api": {"port": self.web_port},
            "peers": list(self.peers),
            "destinations": list(self.destinations),
        }
        for name, section in self.sections.items():
            settings[name] = {**settings.get(name, {}), **section}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings_file.write_text(yaml.safe_dump(settings))

    def open_archive(self) -> Archive:
        """Look into the site's archive beside its processes."""
        section = yaml.safe_load(self.settings_file.read_text())["archive"]
        return open_archive(ArchiveSettings(**section))

    def store(self, *files: Path, calling: str = "STORESCU") -> "subprocess.CompletedProcess[str]":
        """Send files with dcmtk's storescu, every transfer syntax as it is in the file."""
        return subprocess.run(
            ["dcmsend", "-aet", calling, "-aec", "HILUM", "--no-uid-checks",
             "127.0.0.1", str(self.dicom_port), *map(str, files)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    @contextlib.contextmanager
    def serving(self, only: str = "") -> Iterator["Serving"]:
        """Run `hilum serve` until the block ends; waits until it says `ready`."""
        self.write_settings()
        serving = Serving.start(self, only)
        try:
            serving.wait_until_ready()
            yield serving
        finally:
            serving.stop()


@dataclass(kw_only=True)
class Serving:
    """A running `hilum serve`."""

    site: Site
    process: "subprocess.Popen[str]"
    _said_ready: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def start(cls, site: Site, only: str = "") -> "Serving":
        command = [sys.executable, "-m", "hilum", "serve", "--config", str(site.settings_file)]
        log = site.log_file.open("ab")
        process = subprocess.Popen(
            [*command, *(["--only", only] if only else [])],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        log.close()
        serving = cls(site=site, process=process)
        threading.Thread(target=serving._listen, daemon=True).start()
        return serving

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == "ready":
                self._said_ready.set()

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: self._said_ready.is_set() or self.process.poll() is not None,
            within_seconds=READY_SECONDS,
            what="`ready`",
        )
        assert self._said_ready.is_set(), self.site.log_file.read_text()[-4000:]

    def parts(self) -> list[psutil.Process]:
        """Return the child processes, one per part."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    def kill(self, process: psutil.Process | None = None) -> None:
        """End one part, or the whole group's parent, as a power cut would."""
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            os.kill(process.pid if process else self.process.pid, signal.SIGKILL)
        if process is None:
            self.process.wait(20)

    def stop(self) -> int:
        """End the group as an administrator does; returns its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def ready_checks(self) -> tuple[int, dict[str, Any]]:
        """Ask /health/ready: the HTTP status and the checks by name."""
        answer = httpx.get(f"{self.site.web}/health/ready", timeout=60)
        return answer.status_code, answer.json()
