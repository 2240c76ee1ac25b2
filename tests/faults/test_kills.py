"""kill -9 of any process at any moment, then a restart: nothing lost, nothing twice."""

import random
import subprocess
import threading
from pathlib import Path

import pytest

from archive.records import DeliveryState, StudyState, StudyUid
from tests.builders.radiographs import a_chest_file
from tests.orthanc import Orthanc
from tests.processes import wait_until
from tests.serving import Serving, Site

KILLS = 20
STUDIES = 40
SEED = 20


class Sender:
    """Sends each file until the node acknowledged it, as a modality does."""

    def __init__(self, site: Site, files: list[Path]) -> None:
        self._site = site
        self._files = files
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait_for(self, count: int) -> None:
        """Return once so many files were acknowledged."""
        wait_until(
            lambda: self.acknowledged >= count or self.is_done,
            within_seconds=120,
            what="progress of the sender",
        )

    def _send(self) -> None:
        for file in self._files:
            while self._store(file) != 0:
                pass
            self.acknowledged += 1

    def _store(self, file: Path) -> int:
        # storescu ends with 0 only if the answer was success.
        return subprocess.run(
            ["storescu", "-aet", "STORESCU", "-aec", "HILUM",
             "127.0.0.1", str(self._site.dicom_port), str(file)],
            capture_output=True, check=False, timeout=60,
        ).returncode  # fmt: skip


@pytest.mark.peer("dcmtk", "orthanc")
@pytest.mark.timeout(900)
def test_twenty_kills_lose_nothing_and_double_nothing(orthanc: Orthanc, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311  # a repeatable choice, no secret
    made = [a_chest_file(tmp_path / f"{number}.dcm", seed=number) for number in range(STUDIES)]
    site = Site(
        folder=tmp_path / "site",
        destinations=[
            {"name": "pacs", "ae_title": "ORTHANC", "host": orthanc.host, "port": orthanc.port}
        ],
        # Short leases, so that what a killed process held is taken up within the test.
        sections={
            "worker": {"lease_seconds": 3, "batch_size": 4},
            "delivery": {"lease_seconds": 3, "first_retry_seconds": 0.2},
        },
    )
    site.write_settings()
    serving = Serving.start(site)
    serving.wait_until_ready()
    sender = Sender(site, [file for file, _ in made])
    sender.start()
    archive = site.open_archive()
    for kill in range(KILLS):
        sender.wait_for(min(len(made) * kill // KILLS, STUDIES - 1))
        victims = [None, *serving.parts()]
        victim = chance.choice(victims)
        serving.kill(victim)
        if victim is None:
            serving = Serving.start(site)
    try:
        wait_until(lambda: sender.is_done, within_seconds=180, what="the end of sending")

        def is_finished(study: str) -> bool:
            detail = archive.repository.study(StudyUid(study))
            return detail.study.state is StudyState.REPORTED and all(
                one.state is DeliveryState.DELIVERED for one in detail.deliveries
            )

        wait_until(
            lambda: all(is_finished(study) for _, study in made),
            within_seconds=180,
            what="every acknowledged study delivered",
        )
        for _, study in made:
            detail = archive.repository.study(StudyUid(study))
            assert len(detail.results) == 1
            assert len(orthanc.reports_of_study(study)) == 1
    finally:
        archive.repository.dispose()
        serving.stop()
