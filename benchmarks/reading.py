"""How long a radiologist waits, in the real Chromium: `python -m benchmarks.reading`.

Opens the reading page of a web process of its own with cold caches (a new browser, and the web
process just started), then accepts one case after the other by key, and tells from the page's own
marks how long it took until the image was painted; then how long an arrival takes to stand in the
list. Radiographs are 2,048 x 2,500 pixels of 12 bits with noise.

Limits, on two cores that do nothing else: first image p95 1,500 ms, next image p95 150 ms, arrival
1,000 ms. On a machine that does other things as well each wait stands beside how much slower than
its processor time a busy loop ran just then; divided by that, waits can be compared.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from archive.account_records import Role
from archive.database import Archive
from tests.browser.site import WINDOW, a_chest, add_heat_map, chromium
from tests.builders.arrivals import an_arrival
from tests.builders.grey_scales import a_radiograph
from tests.serving import Site
from tests.web import report_radiograph, session_of

ROUNDS = 6
ACCEPTED_PER_ROUND = 5
ARRIVALS = 10
ROWS, COLUMNS = 2500, 2048
PATIENCE_MILLISECONDS = 60_000
BUSY_SECONDS = 0.1
LIMITS_MILLISECONDS = {"first image": 1500.0, "next image": 150.0, "arrival": 1000.0}


def fill(archive: Archive, folder: Path) -> None:
    """Put enough analysed radiographs there for every round."""
    pictures = [a_chest(seed, ROWS, COLUMNS) for seed in range(4)]
    for number in range(1, ROUNDS * (ACCEPTED_PER_ROUND + 1) + 8):
        ds = a_radiograph(
            pictures[number % len(pictures)],
            study_uid=f"1.2.9.{number}",
            sop_instance_uid=f"1.2.9.{number}.1.1",
            WindowCenter=1900,
            WindowWidth=3400,
        )
        # An image of its own for each, or the web process would have decoded it already.
        ds.PixelData = bytes([number % 256, number // 256]) + ds.PixelData[2:]
        probability = 0.99 - number / 1000
        key = report_radiograph(
            archive, ds, probability=probability, patient_name=f"Case{number}^A"
        )
        add_heat_map(archive, key, folder / "heat.png")


def a_reader(browser: Browser, site: Site, secret: str) -> Page:
    """Return a new browser with cold caches in which somebody is signed in."""
    context = browser.new_context(viewport=WINDOW)
    context.add_cookies([{"name": "hilum", "value": secret, "url": site.web}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    return page


def mark(page: Page, name: str) -> float:
    """Return a wait in milliseconds that the page measured."""
    return float(page.locator("html").get_attribute(f"data-{name}") or "nan")


def accept_next(page: Page) -> float:
    """Accept the case on the screen; returns how long the next image took."""
    page.locator("#accept:enabled").wait_for()
    identity = page.locator("#panel-identity")
    before = identity.inner_text()
    page.keyboard.press("a")
    expect(identity).not_to_have_text(before)
    page.locator("#accept:enabled").wait_for()
    return mark(page, "next-image")


def arrival(page: Page, archive: Archive, number: int) -> float:
    """Record an arrival; returns how long it took to stand in the list."""
    count = page.locator("#news span")
    before = count.inner_text() if count.is_visible() else ""
    archive.repository.record_instance(an_arrival(5000 + number, 1))
    started = time.perf_counter()
    while not count.is_visible() or count.inner_text() == before:
        if time.perf_counter() - started > PATIENCE_MILLISECONDS / 1000:
            raise TimeoutError("the arrival is not in the list")
    return (time.perf_counter() - started) * 1000


def slowdown() -> float:
    """Return how much longer than its processor time a busy loop takes now."""
    wall, processor = time.perf_counter(), time.process_time()
    while time.process_time() - processor < BUSY_SECONDS:
        pass
    return (time.perf_counter() - wall) / (time.process_time() - processor)


def tell(name: str, waits: Sequence[float], slower: float) -> None:
    """Print median, p95 and the limit."""
    p95 = sorted(waits)[max(0, -(-len(waits) * 95 // 100) - 1)]
    middle = statistics.median(waits)
    print(
        f"{name}: median {middle:.0f} ms, p95 {p95:.0f} ms; divided by {slower:.1f}: "
        f"{middle / slower:.0f} and {p95 / slower:.0f} ms "
        f"(limit {LIMITS_MILLISECONDS[name]:.0f} ms), n = {len(waits)}"
    )


def main() -> None:
    """Measure and print."""
    print(f"load at the start {os.getloadavg()[0]:.1f}")
    firsts: list[float] = []
    nexts: list[float] = []
    slower: list[float] = []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        site = Site(folder=Path(name))
        site.write_settings()
        archive = site.open_archive()
        fill(archive, Path(name))
        secret = session_of(archive, "ito", [Role.RADIOLOGIST])
        for round_number in range(ROUNDS):
            with site.serving("api"):
                slower.append(slowdown())
                page = a_reader(browser, site, secret)
                page.goto(site.web)
                page.locator("#accept:enabled").wait_for()
                firsts.append(mark(page, "first-image"))
                nexts += [accept_next(page) for _ in range(ACCEPTED_PER_ROUND)]
                slower.append(slowdown())
                if round_number == ROUNDS - 1:
                    page.locator("html[data-ready]").wait_for()
                    arrivals = [arrival(page, archive, n) for n in range(ARRIVALS)]
                page.context.close()
        archive.repository.dispose()
    slower_by = statistics.median(slower)
    tell("first image", firsts, slower_by)
    tell("next image", nexts, slower_by)
    tell("arrival", arrivals, slower_by)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
