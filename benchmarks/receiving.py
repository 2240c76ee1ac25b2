"""How fast the node makes images durable, against Orthanc with TCP_NODELAY on both sides.

Run by hand, as root for Orthanc's network namespace: ``python -m benchmarks.receiving``. dcmsend is
the sender, the same files go to both in alternating rounds; figures count as ratios only.

Beforehand: name a fresh folder in TMPDIR, and on a virtual machine read or write files until little
memory is free. The first use of memory that the host has yet to give takes longer than the rest.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sending import NO_DELAY, dcmsend, made
from dicom_node.demo_pacs import ORTHANC_AE_TITLE
from tests.builders.dicom_files import radiograph, written
from tests.orthanc import Orthanc
from tests.serving import Site

ROUNDS = 3
ASSOCIATIONS = (1, 4)
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent in one round, by each of the associations."""

    name: str
    pixels: int
    count: int


LOADS = (Load(name="large", pixels=2048, count=8), Load(name="small", pixels=512, count=40))


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who is sent to."""

    name: str
    ae_title: str
    host: str
    port: int


def main() -> None:
    """Print the figures."""
    # Orthanc takes the variable from its parent.
    os.environ.update(NO_DELAY)  # noqa: TID251  # a benchmark's own process
    with tempfile.TemporaryDirectory() as name, _receivers(Path(name)) as receivers:
        for load in LOADS:
            for associations in ASSOCIATIONS:
                folder = Path(name) / f"{load.name}-{associations}"
                _compare(load, associations, receivers, folder)


class _receivers:  # noqa: N801  # read as a function
    """Our node and Orthanc, both running."""

    def __init__(self, folder: Path) -> None:
        self._orthanc = Orthanc.running(made(folder / "orthanc"))
        site = Site(folder=folder / "site", sections={"node": {"quiet_period_seconds": 60}})
        self._site = site
        self._serving = site.serving("node")

    def __enter__(self) -> tuple[Receiver, Receiver]:
        orthanc = self._orthanc.__enter__()
        self._serving.__enter__()
        ours = Receiver(
            name="hilum", ae_title="HILUM", host="127.0.0.1", port=self._site.dicom_port
        )
        theirs = Receiver(
            name="Orthanc", ae_title=ORTHANC_AE_TITLE, host=orthanc.host, port=orthanc.port
        )
        return ours, theirs

    def __exit__(self, *error: object) -> None:
        self._serving.__exit__(None, None, None)
        self._orthanc.__exit__(None, None, None)


def _compare(load: Load, associations: int, receivers: Sequence[Receiver], folder: Path) -> None:
    seconds: dict[str, list[float]] = {receiver.name: [] for receiver in receivers}
    for number in range(ROUNDS):
        folders = _objects(load, associations, folder / str(number))
        byte_count = sum(file.stat().st_size for one in folders for file in one.iterdir())
        # Whoever comes second finds the files in memory: take turns.
        for receiver in receivers if number % 2 else reversed(receivers):
            seconds[receiver.name].append(_send(folders, receiver))
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    images = load.count * associations
    for name, median in medians.items():
        print(
            f"{load.name:5} {associations} assoc  {name:8} "
            f"{byte_count / median / MEGABYTE:7.1f} MB/s  {images / median:7.1f} images/s"
        )
    print(f"ratio {medians['Orthanc'] / medians['hilum']:.2f} x (at least 1.2, aim 2)")


def _objects(load: Load, associations: int, folder: Path) -> list[Path]:
    """Make new objects, a folder per association.

    They stay until the end: a file system that has just deleted many files is slow to make new
    ones, which says nothing of the receivers.
    """
    folders = []
    for number in range(associations):
        folders.append(made(folder / str(number)))
        for image in range(load.count):
            ds = radiograph(rows=load.pixels, columns=load.pixels)
            written(ds, folders[-1], f"{image}.dcm")
    return folders


def _send(folders: Sequence[Path], receiver: Receiver) -> float:
    """Send each folder on an association of its own; return the seconds until all are done."""
    began_at = time.perf_counter()
    with ThreadPoolExecutor(len(folders)) as pool:
        done = list(pool.map(lambda folder: _sent(folder, receiver), folders))
    seconds = time.perf_counter() - began_at
    if any(done):
        raise SystemExit(f"{receiver.name}: dcmsend ended with {done}")
    return seconds


def _sent(folder: Path, receiver: Receiver) -> int:
    return dcmsend(folder, host=receiver.host, port=receiver.port, ae_title=receiver.ae_title)


if __name__ == "__main__":
    main()
