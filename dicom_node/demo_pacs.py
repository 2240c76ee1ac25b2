"""A PACS to talk to where none is at hand: Orthanc alone in a network namespace, or a receiver.

Orthanc 1.10 listens on every address of its host and has no option against it, so it gets a host
of its own: a namespace joined to ours by one pair of virtual interfaces. That needs root; without
it, or without Orthanc, a small storage SCP on loopback stands in.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from pydicom import Dataset, dcmread
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.events import Event

ORTHANC_AE_TITLE = "ORTHANC"
ORTHANC_DICOM_PORT = 4242
ORTHANC_HTTP_PORT = 8042
START_SECONDS = 30
STOP_SECONDS = 20
SUCCESS = 0x0000  # PS3.4 table B.2-1
# Private addresses (RFC 1918) of our own choice, four for every pair of interfaces.
NETWORK = "10.231"
_numbers = itertools.count(1)


class Pacs(Protocol):
    """What the demonstration needs of a PACS."""

    description: str
    ae_title: str
    host: str
    port: int

    def objects_of(self, study_uid: str) -> list[Dataset]:
        """Return every object of a study that the PACS keeps."""


@dataclass(frozen=True, kw_only=True)
class HostOfItsOwn:
    """A network namespace: its name, its address seen from us, ours seen from it."""

    name: str
    address: str
    our_address: str

    def command(self, *command: str) -> list[str]:
        """Return the command line that runs `command` inside."""
        return ["ip", "netns", "exec", self.name, *command]


@contextlib.contextmanager
def host_of_its_own() -> Iterator[HostOfItsOwn]:
    """Make a network namespace joined to ours by one pair of interfaces; needs root."""
    number = next(_numbers)
    # Processes of several runs on one machine must not meet.
    unique = f"{os.getpid() % 0xFFFF:04x}{number % 0xFF:02x}"
    name, outer, inner = f"hilum-{unique}", f"ho{unique}", f"hi{unique}"
    base = f"{NETWORK}.{os.getpid() % 250}"
    last = number % 60 * 4
    ours, theirs = f"{base}.{last + 1}", f"{base}.{last + 2}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/30", "dev", inner)
        _ip("-n", name, "link", "set", inner, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield HostOfItsOwn(name=name, address=theirs, our_address=ours)
    finally:
        _ip("netns", "delete", name)


def orthanc_can_run() -> bool:
    """Tell whether Orthanc is installed and may get a namespace of its own."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("Orthanc", "ip"))


class OrthancPacs:
    """A running Orthanc, asked over its REST interface."""

    def __init__(self, host: str) -> None:
        self.description = "Orthanc"
        self.ae_title = ORTHANC_AE_TITLE
        self.host = host
        self.port = ORTHANC_DICOM_PORT

    @property
    def url(self) -> str:
        """The address of the REST interface."""
        return f"http://{self.host}:{ORTHANC_HTTP_PORT}"

    def objects_of(self, study_uid: str) -> list[Dataset]:
        """Return every object of a study that Orthanc keeps."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}}
        found = json.loads(self._ask("/tools/find", json.dumps(query).encode()))
        return [_read(self._ask(f"/instances/{identifier}/file")) for identifier in found]

    def answers(self) -> bool:
        """Tell whether the REST interface answers yet."""
        with contextlib.suppress(urllib.error.URLError, OSError):
            self._ask("/system")
            return True
        return False

    def _ask(self, path: str, content: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", data=content)  # noqa: S310  # ours
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body


@contextlib.contextmanager
def running_orthanc(folder: Path, **options: Any) -> Iterator[tuple[OrthancPacs, HostOfItsOwn]]:
    """Run an empty Orthanc in a namespace of its own; `options` go into its configuration."""
    with host_of_its_own() as host, orthanc_on(host, folder, **options) as pacs:
        yield pacs, host


@contextlib.contextmanager
def orthanc_on(host: HostOfItsOwn, folder: Path, **options: Any) -> Iterator[OrthancPacs]:
    """Run an Orthanc on a host until the block ends; a later one finds what it left in `folder`."""
    storage = str(folder / "storage")
    configuration = {
        "Name": "Demonstration PACS",
        "StorageDirectory": storage,
        "IndexDirectory": storage,
        "DicomAet": ORTHANC_AE_TITLE,
        "DicomPort": ORTHANC_DICOM_PORT,
        "HttpPort": ORTHANC_HTTP_PORT,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "UnknownSopClassAccepted": True,
        **options,
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as output:
        pacs = OrthancPacs(host.address)
        process = subprocess.Popen(  # noqa: S603  # fixed command
            host.command("Orthanc", str(file)), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_for(pacs, process)
            yield pacs
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


class SmallReceiver:
    """A storage SCP on loopback that keeps objects in a folder; for demonstrations only."""

    def __init__(self, folder: Path, port: int) -> None:
        self.description = "a small receiver (Orthanc is not installed, or needs root)"
        self.ae_title = "PACS"
        self.host = "127.0.0.1"
        self.port = port
        self._folder = folder

    def objects_of(self, study_uid: str) -> list[Dataset]:
        """Return every object of a study that was received."""
        objects = (dcmread(file) for file in sorted(self._folder.glob("*.dcm")))
        return [ds for ds in objects if study_uid == ds.StudyInstanceUID]

    @contextlib.contextmanager
    def running(self) -> Iterator["SmallReceiver"]:
        """Listen until the block ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ae = AE(self.ae_title)
        ae.supported_contexts = StoragePresentationContexts
        server = ae.start_server(
            (self.host, self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._keep)]
        )
        try:
            yield self
        finally:
            if server is not None:
                server.shutdown()

    def _keep(self, event: Event) -> int:
        name = f"{event.file_meta.MediaStorageSOPInstanceUID}.dcm"
        partial = self._folder / f"{name}.part"
        partial.write_bytes(event.encoded_dataset(include_meta=True))
        partial.rename(self._folder / name)
        return SUCCESS


@contextlib.contextmanager
def running_pacs(folder: Path, port: int) -> Iterator[Pacs]:
    """Run Orthanc where it can, else the small receiver on loopback `port`."""
    if orthanc_can_run():
        with running_orthanc(folder) as (pacs, _):
            yield pacs
        return
    with SmallReceiver(folder, port).running() as receiver:
        yield receiver


def _wait_for(pacs: OrthancPacs, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not pacs.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise OSError("Orthanc did not start; see orthanc.log beside its configuration")
        time.sleep(0.05)


def _read(content: bytes) -> Dataset:
    return dcmread(BytesIO(content))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S603, S607
