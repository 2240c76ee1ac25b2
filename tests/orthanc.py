"""A real Orthanc as the PACS of the tests, alone in a network namespace of its own.

Orthanc 1.10 listens on every address of its host, so it gets a host of its own: a namespace that
is joined to ours by one pair of virtual interfaces, and to nothing else.
"""

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.processes import running, wait_until

AE_TITLE = "ORTHANC"
DICOM_PORT = 4242
HTTP_PORT = 8042
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Orthanc:
    """A running Orthanc and how to ask it."""

    host: str
    """Where Orthanc is, seen from the tests."""
    our_host: str
    """Where the tests are, seen from Orthanc."""
    folder: Path
    namespace: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{HTTP_PORT}"

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.url}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def instances_of_study(self, study_uid: str) -> list[dict[str, Any]]:
        """Return Orthanc's simplified tags of every instance of a study."""
        found: list[dict[str, Any]] = self._find({"StudyInstanceUID": study_uid})
        return found

    def reports_of_study(self, study_uid: str) -> list[dict[str, Any]]:
        """Return the structured reports among them."""
        return [
            one
            for one in self.instances_of_study(study_uid)
            if one["SOPClassUID"].startswith("1.2.840.10008.5.1.4.1.1.88.")
        ]

    def file_of(self, sop_instance_uid: str) -> bytes:
        """Fetch an instance as Orthanc keeps it."""
        found = self._find({"SOPInstanceUID": sop_instance_uid}, expand=False)
        assert len(found) == 1, f"Orthanc has {len(found)} instances of that UID"
        answer = httpx.get(f"{self.url}/instances/{found[0]}/file", timeout=30)
        answer.raise_for_status()
        return answer.content

    def send_study(self, study_uid: str, modality: str) -> None:
        """Let Orthanc send a study to one of its modalities by C-STORE."""
        query = {"Level": "Study", "Query": {"StudyInstanceUID": study_uid}}
        (study,) = self._post("/tools/find", query)
        self._post(f"/modalities/{modality}/store", {"Resources": [study], "Synchronous": True})

    def add_modality(self, name: str, ae_title: str, port: int) -> None:
        """Tell Orthanc of a peer that listens on our side."""
        definition = {"AET": ae_title, "Host": self.our_host, "Port": port}
        httpx.put(f"{self.url}/modalities/{name}", json=definition, timeout=30).raise_for_status()

    def _find(self, query: dict[str, str], *, expand: bool = True) -> Any:
        found = self._post("/tools/find", {"Level": "Instance", "Query": query, "Expand": False})
        if not expand:
            return found
        return [self.get(f"/instances/{identifier}/simplified-tags") for identifier in found]

    def _post(self, path: str, content: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self.url}{path}", json=content, timeout=60)
        answer.raise_for_status()
        return answer.json()

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, modalities: dict[str, Any] | None = None) -> Iterator["Orthanc"]:
        """Run Orthanc until the block ends; `modalities` as its configuration wants them."""
        with _namespace() as (name, host, our_host):
            orthanc = cls(host=host, our_host=our_host, folder=folder, namespace=name)
            configuration = folder / "orthanc.json"
            configuration.write_text(json.dumps(orthanc._configuration(modalities or {})))
            with orthanc.started(configuration):
                yield orthanc

    @contextlib.contextmanager
    def started(self, configuration: Path) -> Iterator["subprocess.Popen[bytes]"]:
        command = ["ip", "netns", "exec", self.namespace, "Orthanc", str(configuration)]
        with running(command, log=self.folder / "orthanc.log") as process:
            wait_until(self.answers, within_seconds=30, what="Orthanc")
            yield process

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/system", timeout=2).status_code == 200
        return False

    def _configuration(self, modalities: dict[str, Any]) -> dict[str, Any]:
        return {
            "Name": "PACS of the tests",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "DicomAet": AE_TITLE,
            "DicomPort": DICOM_PORT,
            "HttpPort": HTTP_PORT,
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": modalities,
            "Plugins": [str(DICOMWEB_PLUGIN)] if DICOMWEB_PLUGIN.exists() else [],
            "UnknownSopClassAccepted": True,
        }


@contextlib.contextmanager
def _namespace() -> Iterator[tuple[str, str, str]]:
    """Make a namespace; yield its name, its address and ours, as each sees the other."""
    number = next(_numbers)
    # Processes of several test runs on one machine must not meet.
    unique = f"{os.getpid() % 0xFFFF:04x}{number:02x}"
    name, outer, inner = f"hilum-{unique}", f"ho{unique}", f"hi{unique}"
    network = f"10.231.{os.getpid() % 250}.{number % 60 * 4}"
    base, _, last = network.rpartition(".")
    ours, theirs = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/30", "dev", inner)
        _ip("-n", name, "link", "set", inner, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield name, theirs, ours
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
