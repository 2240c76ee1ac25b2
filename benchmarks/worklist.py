"""How long the worklist takes with 10,000 unread studies: `python -m benchmarks.worklist`.

Prints the median and the slowest of thirty requests, and the processor time of the queries alone,
which says more on a machine that does other things as well.
"""

import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import insert, select

from archive.database import Archive, make_engine, open_archive
from archive.schema import instances, studies
from config.settings import ArchiveSettings
from tests.builders.arrivals import an_arrival
from tests.web import a_client

STUDIES = 10_000
REQUESTS = 30
PAGE = 50
WAITING_CAP_SECONDS = 3600.0


def filled(folder: Path) -> Archive:
    """Return an archive with 10,000 analysed studies of one image each, none of them read."""
    url = f"sqlite:///{folder / 'hilum.db'}"
    archive = open_archive(ArchiveSettings(root=folder / "files", database_url=url))
    archive.repository.record_instance(an_arrival(1, 1))
    probabilities = np.random.default_rng(1).random(STUDIES)
    now = datetime.now(UTC)
    engine = make_engine(url)
    with engine.begin() as connection:
        study = dict(connection.execute(select(studies)).mappings().one())
        instance = dict(connection.execute(select(instances)).mappings().one())
        connection.execute(
            insert(studies),
            [
                study
                | {
                    "study_uid": f"1.2.9.{number}",
                    "state": "REPORTED",
                    "ai_probability": float(probability),
                    "ai_presence": "PRESENT" if probability >= 0.5 else "ABSENT",
                    "first_received_at": now - timedelta(seconds=number),
                }
                for number, probability in enumerate(probabilities)
            ],
        )
        connection.execute(
            insert(instances),
            [
                instance | {"study_uid": f"1.2.9.{n}", "sop_instance_uid": f"1.2.9.{n}.1"}
                for n in range(STUDIES)
            ],
        )
    engine.dispose()
    return archive


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        archive = filled(Path(folder))
        client = a_client(archive)
        walls, processors = [], []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            assert client.get(f"/api/v1/worklist?limit={PAGE}").status_code == 200  # noqa: S101
            walls.append((time.perf_counter() - started) * 1000)
            started = time.process_time()
            archive.repository.worklist(limit=PAGE, waiting_cap_seconds=WAITING_CAP_SECONDS)
            archive.repository.worklist_counts(waiting_cap_seconds=WAITING_CAP_SECONDS)
            processors.append((time.process_time() - started) * 1000)
        archive.repository.dispose()
    print(f"request: median {statistics.median(walls):.1f} ms, slowest {max(walls):.1f} ms")
    print(f"queries: median {statistics.median(processors):.1f} ms of processor time")


if __name__ == "__main__":
    main()
