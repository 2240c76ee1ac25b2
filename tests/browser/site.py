"""A web process over an archive of synthetic chests, and people in front of real browsers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from api.auth.principal import LOOPBACK_COOKIE
from archive.account_records import Role
from archive.database import Archive
from archive.files import sha256_of
from archive.records import InstanceKey, SopInstanceUid
from archive.review_records import HeatMap
from config.settings import Settings
from tests.builders.grey_scales import a_radiograph
from tests.web import report_radiograph, session_of, web_settings
from tests.web_server import free_port, running

CHROMIUM = "/usr/bin/chromium"
# What is awaited comes in milliseconds; a machine that is busy otherwise may take its time.
PATIENCE_MILLISECONDS = 60_000
WINDOW = ViewportSize(width=1600, height=1000)

# A small stage, for pictures that are compared pixel by pixel.
SMALL = ViewportSize(width=1010, height=480)

# Writes a measured figure beside the test's result.
Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Site:
    """What a test of pages works with."""

    archive: Archive
    settings: Settings
    browser: Browser
    _contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.api.port}"

    def person(self, login: str = "ito", roles: Sequence[Role] = tuple(Role)) -> Page:
        """An empty page in a browser of its own, in which somebody is signed in."""
        context = self.context()
        secret = session_of(self.archive, login, roles)
        context.add_cookies([{"name": LOOPBACK_COOKIE, "value": secret, "url": self.address}])
        return context.new_page()

    def context(self) -> BrowserContext:
        context = self.browser.new_context(viewport=WINDOW, bypass_csp=False)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        self._contexts.append(context)
        return context

    def close(self) -> None:
        """Close every page: one that is left open goes on drawing and listening."""
        for context in self._contexts:
            context.close()

    def reading(
        self, login: str = "ito", query: str = "", size: ViewportSize | None = None
    ) -> Page:
        """The reading page, ready to be used."""
        page = self.person(login)
        if size is not None:
            page.set_viewport_size(size)
        page.goto(f"{self.address}/{query}")
        page.locator("html[data-ready]").wait_for()
        return page


@contextmanager
def site(archive: Archive, browser: Browser, **sections: Any) -> Iterator[Site]:
    """The web process on a free port."""
    sections.setdefault("api", {})["port"] = free_port()
    settings = web_settings(**sections)
    with running(archive, settings):
        found = Site(archive=archive, settings=settings, browser=browser)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--force-color-profile=srgb"]
        )
        yield browser
        browser.close()


def looked_at(page: Page, name: str) -> None:
    """Wait until a case is open and was looked at for long enough to be decided."""
    expect(page.locator("#panel-identity")).to_contain_text(name)
    expect(page.locator("#stage-words")).to_be_empty()  # else it says why there is no image
    page.locator("#accept:enabled").wait_for()


def a_chest(seed: int, rows: int = 640, columns: int = 512) -> np.ndarray:
    """Two dark lungs, a bright middle, a marker at the top left; 12 bits, (rows, columns)."""
    y, x = np.mgrid[0:rows, 0:columns]
    u, v = x / columns, y / rows
    values = np.full((rows, columns), 2600.0)
    for middle in (0.3, 0.7):
        values -= 1700 * np.exp(-(((u - middle) / 0.17) ** 2 + ((v - 0.48) / 0.3) ** 2))
    noise = np.random.default_rng(seed)
    spot = noise.uniform(0.25, 0.4), noise.uniform(0.45, 0.65)
    values += 900 * np.exp(-(((u - spot[0]) / 0.07) ** 2 + ((v - spot[1]) / 0.06) ** 2))
    values += noise.normal(0, 35, values.shape)
    values[: rows // 20, : columns // 10] = 4095
    return values.clip(0, 4095).astype(np.uint16)


def add_case(
    archive: Archive, number: int, name: str, probability: float, *, patient_id: str = ""
) -> InstanceKey:
    """A radiograph that was analysed, waiting to be read."""
    ds = a_radiograph(
        a_chest(number),
        study_uid=f"1.2.3.{number}",
        sop_instance_uid=f"1.2.3.{number}.1.1",
        WindowCenter=1900,
        WindowWidth=3400,
        PixelSpacing=[0.5, 0.5],
    )
    return report_radiograph(
        archive,
        ds,
        probability=probability,
        patient_name=name,
        patient_id=patient_id or f"P{number:04}",
        accession_number=f"A{number}",
        study_date="20260101",
        patient_sex="F",
        patient_birth_date="19600101",
    )


def add_heat_map(archive: Archive, key: InstanceKey, picture: Path) -> None:
    """A heat map with its middle at the upper left of the middle."""
    from PIL import Image

    y, x = np.mgrid[0:32, 0:32] / 31
    values = 255 * np.exp(-(((x - 0.33) / 0.14) ** 2 + ((y - 0.5) / 0.14) ** 2))
    Image.fromarray(values.astype(np.uint8)).save(picture, format="PNG")
    content = picture.read_bytes()
    archive.repository.record_heat_map(
        HeatMap(
            sop_instance_uid=SopInstanceUid(key.sop_instance_uid),
            file_key=archive.files.write_upload(content),
            file_sha256=sha256_of(content),
            display_threshold=0.3,
        )
    )


CASES = (
    (1, "Doe^Jane", 0.78),
    (2, "Roe^Rich", 0.91),
    (3, "Lee^Kim", 0.52),
    (4, "Poe^Edgar", 0.12),
)


def fill(archive: Archive) -> None:
    """Four cases: Roe, Doe and Lee are positive in this order, Poe is not."""
    for number, name, probability in CASES:
        add_case(archive, number, name, probability)
