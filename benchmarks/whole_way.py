"""From C-STORE to the report in the PACS, against Orthanc with a polling script.

Run by hand, as root for Orthanc's network namespace, on a quiet machine: ``python -m
benchmarks.whole_way``. Prints how soon the node is ready, how much memory its processes have, how
long a single image takes on an idle node, and images per second of two bursts, for both alike:
from the first byte that dcmsend sends until the last report is in Orthanc.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from archive.records import StudyState
from benchmarks.sending import NO_DELAY, dcmsend, made
from dicom_node.demo_pacs import ORTHANC_AE_TITLE
from tests.builders.radiographs import drawn_chest, file_bytes, radiograph
from tests.orthanc import Orthanc
from tests.processes import wait_until
from tests.serving import ROOT, Serving, Site

QUIET_PERIOD_SECONDS = 0.3
SINGLE_IMAGES = 10
MEBIBYTE = 1 << 20
LONGEST_BURST_SECONDS = 300
# To look costs Orthanc and the processor something: seldom, where many are waited for.
LOOK_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What is sent on one association, each image a study of its own."""

    name: str
    pixels: int
    count: int
    at_least: float
    aim: float


BURSTS = (
    Burst(name="large", pixels=2048, count=60, at_least=8, aim=16),
    Burst(name="small", pixels=512, count=200, at_least=4, aim=7),
)


class Reports:
    """The structured reports that came into an Orthanc."""

    def __init__(self, orthanc: Orthanc) -> None:
        # One connection: to make one costs the processor that is measured.
        self._orthanc = httpx.Client(base_url=orthanc.pacs.url, timeout=60)
        self._last = 0
        self._count = 0

    def count(self) -> int:
        """Look for further ones; return how many there are."""
        while True:
            page = self._asked(f"/changes?since={self._last}&limit=500")
            new = [one["ID"] for one in page["Changes"] if one["ChangeType"] == "NewInstance"]
            self._count += sum(self._is_report(instance) for instance in new)
            self._last = page["Last"]
            if page["Done"]:
                return self._count

    def _is_report(self, instance: str) -> bool:
        metadata = self._asked(f"/instances/{instance}/metadata?expand")
        return str(metadata["SopClassUid"]).startswith("1.2.840.10008.5.1.4.1.1.88.")

    def _asked(self, path: str) -> Any:
        try:
            answer = self._orthanc.get(path)
        except httpx.RemoteProtocolError:  # it closed the connection just as we asked
            answer = self._orthanc.get(path)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way from C-STORE to a report."""

    send: Callable[[Sequence[Path]], None]
    reports: Reports

    def seconds_for(self, files: Sequence[Path]) -> float:
        """Send files and wait for as many reports; return how long that took."""
        wanted = self.reports.count() + len(files)
        began_at = time.perf_counter()
        self.send(files)
        deadline = began_at + LONGEST_BURST_SECONDS
        while self.reports.count() < wanted:
            if time.perf_counter() > deadline:
                raise SystemExit(f"no report {wanted} within {LONGEST_BURST_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        return time.perf_counter() - began_at

    def latency_of(self, file: Path) -> float:
        """Seconds from the answer to a C-STORE until its report is there."""
        before = self.reports.count()
        self.send([file])
        answered_at = time.perf_counter()
        wait_until(lambda: self.reports.count() > before, within_seconds=60, what="a report")
        return time.perf_counter() - answered_at


def main() -> None:
    """Print the figures."""
    # Orthanc takes the variable from its parent.
    os.environ.update(NO_DELAY)  # noqa: TID251  # a benchmark's own process
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _node(folder / "hilum") as node:
            _tell_single(node, _written(1, 512, folder / "warm")[0], folder)
            ours = [_rate(node, burst, folder / "ours") for burst in BURSTS]
        with _polling_peer(folder / "peer") as peer:
            peer.seconds_for(_written(1, 512, folder / "warm-peer"))
            theirs = [_rate(peer, burst, folder / "theirs") for burst in BURSTS]
    for burst, our_rate, their_rate in zip(BURSTS, ours, theirs, strict=True):
        print(
            f"{burst.count} {burst.name}: hilum {our_rate:.1f} images/s, polling script "
            f"{their_rate:.1f}, ratio {our_rate / their_rate:.1f} x "
            f"(at least {burst.at_least:.0f}, aim {burst.aim:.0f})"
        )


def _tell_single(node: Way, warm: Path, folder: Path) -> None:
    node.latency_of(warm)
    files = _written(SINGLE_IMAGES, 512, folder / "single")
    seconds = statistics.median(node.latency_of(file) for file in files) - QUIET_PERIOD_SECONDS
    print(
        f"single small image, from the answer to C-STORE to the report in the PACS: "
        f"{seconds:.2f} s and the quiet period (at most 0.35, aim 0.2)"
    )


def _rate(way: Way, burst: Burst, folder: Path) -> float:
    files = _written(burst.count, burst.pixels, folder / burst.name)
    return len(files) / way.seconds_for(files)


@contextlib.contextmanager
def _node(folder: Path) -> Iterator[Way]:
    """Hilum with all its parts, and an Orthanc that gets its reports."""
    with Orthanc.running(made(folder / "pacs")) as pacs:
        site = Site(
            folder=folder / "site",
            destinations=[
                {
                    "name": "pacs",
                    "host": pacs.host,
                    "port": pacs.port,
                    "ae_title": ORTHANC_AE_TITLE,
                }
            ],
            sections={"node": {"quiet_period_seconds": QUIET_PERIOD_SECONDS}},
        )
        site.write_settings()
        began_at = time.perf_counter()
        serving = Serving.start(site, "")
        try:
            serving.wait_until_ready()
            seconds = time.perf_counter() - began_at
            print(f"start to ready: {seconds:.1f} s (at most 6, aim 4)")
            yield Way(
                send=lambda files: _send(files, "127.0.0.1", site.dicom_port, "HILUM"),
                reports=Reports(pacs),
            )
            _refuse_failures(site)
            print(f"memory of all processes: {_gibibytes(serving):.2f} GiB (at most 1.4, aim 0.93)")
        finally:
            serving.stop()


def _refuse_failures(site: Site) -> None:
    """End where a study FAILED: a report that says so is no result to be fast with."""
    failed, _ = site.open_archive().repository.studies(limit=1, state=StudyState.FAILED)
    if failed:
        raise SystemExit(f"studies FAILED; see {site.log_file}")


def _gibibytes(serving: Serving) -> float:
    """Proportional set size: what processes share counts once.

    Too little where something else that maps the same libraries runs beside them, a training say.
    """
    processes = [psutil.Process(serving.process.pid), *serving.parts()]
    return float(sum(one.memory_full_info().pss for one in processes) / 1024 / MEBIBYTE)


@contextlib.contextmanager
def _polling_peer(folder: Path) -> Iterator[Way]:
    with Orthanc.running(made(folder)) as orthanc:
        script = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.polling_peer", orthanc.pacs.url],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            if script.stdout is None or script.stdout.readline().strip() != "ready":
                raise SystemExit("the polling script did not begin")
            yield Way(
                send=lambda files: _send(files, orthanc.host, orthanc.port, orthanc.ae_title),
                reports=Reports(orthanc),
            )
        finally:
            script.terminate()
            script.wait(20)


def _send(files: Sequence[Path], host: str, port: int, ae_title: str) -> None:
    path = files[0] if len(files) == 1 else files[0].parent
    if status := dcmsend(path, host=host, port=port, ae_title=ae_title):
        raise SystemExit(f"{ae_title}: dcmsend ended with {status}")


def _written(count: int, pixels: int, folder: Path) -> list[Path]:
    """Write images of one drawn chest, each a study of its own."""
    chest = drawn_chest(rows=pixels, columns=pixels)
    files = [made(folder) / f"{number}.dcm" for number in range(count)]
    for file in files:
        file.write_bytes(file_bytes(radiograph(pixels=chest)))
    return files


if __name__ == "__main__":
    main()
