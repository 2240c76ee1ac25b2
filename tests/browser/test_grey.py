"""The greys on the screen of a real browser are those that the Standard asks for."""

import io
import math
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from archive.database import Archive
from inference.grey_scale import window_function
from inference.pixels import read_pixels
from tests.browser.site import SMALL, Site, Tell, site
from tests.builders.grey_scales import COLUMNS, GREY_SCALES, ROWS, a_radiograph
from tests.web import store_radiograph

pytestmark = pytest.mark.peer("chromium")


def on_screen(page: Page) -> np.ndarray:
    """The greys of the image shown 1:1, (96, 72)."""
    page.locator("#stage canvas").first.wait_for()
    page.keyboard.press("z")
    label = re.compile("zoom 100 percent")
    expect(page.locator("#stage canvas").first).to_have_attribute("aria-label", label)
    picture = Image.open(io.BytesIO(page.locator("#stage canvas").first.screenshot()))
    shown = np.asarray(picture.convert("RGB"))
    assert (shown[..., 0] == shown[..., 1]).all()
    assert (shown[..., 0] == shown[..., 2]).all()
    height, width = shown.shape[:2]
    left = -math.floor(COLUMNS / 2 - width / 2 + 0.5)
    top = -math.floor(ROWS / 2 - height / 2 + 0.5)
    return shown[top : top + ROWS, left : left + COLUMNS, 0].astype(float)


def open_case(page: Page, name: str) -> None:
    page.get_by_role("button", name=name.upper(), exact=False).first.click()
    expect(page.locator("#panel-identity")).to_contain_text(name.upper())
    page.locator("#stage canvas").first.wait_for()


@pytest.mark.parametrize("painter", ["webgl", "canvas"])
def test_every_grey_scale_is_shown_within_one_step(
    archive: Archive, browser: Browser, painter: str, tell: Tell
) -> None:
    for number, build in enumerate(GREY_SCALES.values()):
        ds = build()
        ds.StudyInstanceUID, ds.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1.1"
        ds.SeriesInstanceUID = f"1.2.3.{number}.1"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        store_radiograph(archive, ds, patient_name=f"Case{number:02}x")
    greatest = {}
    with site(archive, browser) as shown:
        page = shown.reading(query=f"?painter={painter}", size=SMALL)
        for number, (name, build) in enumerate(GREY_SCALES.items()):
            open_case(page, f"Case{number:02}x")
            expected = read_pixels(build()) * 255.0
            greatest[name] = float(np.abs(on_screen(page) - expected).max())
    tell(f"greatest grey error by {painter}: {max(greatest.values()):.2f} of 255")
    assert {name: error for name, error in greatest.items() if error > 1.0} == {}


@pytest.mark.parametrize("painter", ["webgl", "canvas"])
def test_a_window_chosen_by_keys_and_inversion_follow_the_formula(
    archive: Archive, browser: Browser, painter: str
) -> None:
    ds = a_radiograph(WindowCenter=1800, WindowWidth=2600)
    store_radiograph(archive, ds, patient_name="Doe")
    with site(archive, browser) as shown:
        page = shown.reading(query=f"?painter={painter}", size=SMALL)
        page.locator("#stage canvas").first.wait_for()
        page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("Shift+ArrowRight")
        centre = 1800 + 0.02 * 2600
        width = 2600 * math.exp(0.05)
        expect(page.locator("#view-words")).to_contain_text(f"W {width:.0f} C {centre:.0f}")
        values = np.asarray(read_stored(ds))
        expected = window_function(values, centre, width, "LINEAR") * 255
        assert np.abs(on_screen(page) - expected).max() <= 1.0
        page.keyboard.press("i")
        expect(page.locator("#tool-invert")).to_have_attribute("aria-pressed", "true")
        assert np.abs(on_screen(page) - (255 - expected)).max() <= 1.0


def read_stored(ds: object) -> np.ndarray:
    from pydicom.pixels.utils import pixel_array

    return pixel_array(ds)  # type: ignore[arg-type]


@pytest.mark.parametrize("painter", ["webgl", "canvas"])
def test_a_large_image_is_shown_whole_after_the_first_look(
    archive: Archive, browser: Browser, painter: str
) -> None:
    large = np.zeros((2304, 300), dtype=np.uint16)
    large[1::2, :] = 4095  # every second row: leaving rows out would show
    store_radiograph(archive, a_radiograph(large, WindowCenter=2048, WindowWidth=4096))
    with site(archive, browser) as shown:
        page = shown.reading(query=f"?painter={painter}", size=SMALL)
        page.locator("#stage canvas").first.wait_for()
        page.keyboard.press("z")

        def rows_alternate() -> bool:
            picture = Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("L")
            values = np.asarray(picture)
            middle = values[100:200, values.shape[1] // 2].astype(int)
            return set(np.abs(np.diff(middle))) == {255}

        assert any(rows_alternate() for _ in range(20))


def test_a_decision_key_does_nothing_while_the_site_is_only_looked_at(
    archive: Archive, browser: Browser
) -> None:
    store_radiograph(archive, a_radiograph(), patient_name="Doe")
    with site(archive, browser) as shown:
        assert isinstance(shown, Site)
        page = shown.reading()
        page.locator("#correct:enabled").wait_for()
        expect(page.locator("#accept")).to_be_disabled()
        page.keyboard.press("a")
        expect(page.locator("#panel-identity")).to_contain_text("DOE")
