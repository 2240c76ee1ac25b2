"""A real Orthanc as the PACS of the tests, alone in a network namespace of its own."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dicom_node.demo_pacs import HostOfItsOwn, OrthancPacs, running_orthanc

DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True, kw_only=True)
class Orthanc:
    """A running Orthanc and how to ask it."""

    pacs: OrthancPacs
    namespace: HostOfItsOwn

    @property
    def host(self) -> str:
        """Where Orthanc is, seen from the tests."""
        return self.pacs.host

    @property
    def port(self) -> int:
        return self.pacs.port

    @property
    def ae_title(self) -> str:
        return self.pacs.ae_title

    @property
    def our_host(self) -> str:
        """Where the tests are, seen from Orthanc."""
        return self.namespace.our_address

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.pacs.url}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def studies(self) -> set[str]:
        """Return the Study Instance UIDs that Orthanc knows."""
        return {
            study["MainDicomTags"]["StudyInstanceUID"]
            for study in self.get("/studies?expand&full=false")
        }

    def instances_of_study(self, study_uid: str) -> list[dict[str, Any]]:
        """Return Orthanc's simplified tags of every instance of a study."""
        found = self._find({"StudyInstanceUID": study_uid})
        return [self.get(f"/instances/{identifier}/simplified-tags") for identifier in found]

    def reports_of_study(self, study_uid: str) -> list[dict[str, Any]]:
        """Return the structured reports among them."""
        return [
            one
            for one in self.instances_of_study(study_uid)
            if one["SOPClassUID"].startswith("1.2.840.10008.5.1.4.1.1.88.")
        ]

    def file_of(self, sop_instance_uid: str) -> bytes:
        """Fetch an instance as Orthanc keeps it."""
        found = self._find({"SOPInstanceUID": sop_instance_uid})
        assert len(found) == 1, f"Orthanc has {len(found)} instances of that UID"
        answer = httpx.get(f"{self.pacs.url}/instances/{found[0]}/file", timeout=30)
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
        answer = httpx.put(f"{self.pacs.url}/modalities/{name}", json=definition, timeout=30)
        answer.raise_for_status()

    def _find(self, query: dict[str, str]) -> list[str]:
        found: list[str] = self._post("/tools/find", {"Level": "Instance", "Query": query})
        return found

    def _post(self, path: str, content: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self.pacs.url}{path}", json=content, timeout=60)
        answer.raise_for_status()
        return answer.json()

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, **options: Any) -> Iterator["Orthanc"]:
        """Run an empty Orthanc, with DICOMweb, until the block ends; options as in its file."""
        plugins = [str(DICOMWEB_PLUGIN)] if DICOMWEB_PLUGIN.exists() else []
        with running_orthanc(folder, Plugins=plugins, **options) as (pacs, namespace):
            yield cls(pacs=pacs, namespace=namespace)
