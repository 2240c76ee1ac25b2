"""The picture of the reading page: window, zoom, pan, heat map, measures, further images."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from archive.database import Archive
from archive.records import ImageRefusal, Outcome, Refusal, StudyState
from tests.browser.site import a_chest, add_case, add_heat_map, looked_at, site
from tests.builders.arrivals import an_outcome
from tests.builders.grey_scales import a_radiograph
from tests.builders.shipped_bundle import SHIPPED, SHIPPED_MODEL
from tests.web import claim_study, report_radiograph, store_radiograph

pytestmark = pytest.mark.peer("chromium")

# The middle of the picture, and how far the pointer is moved.
FROM, BY = (760, 400), 100


@pytest.fixture
def page(archive: Archive, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The reading page with one case of 640 x 512 pixels, 0.5 mm each, and its heat map."""
    add_heat_map(archive, add_case(archive, 1, "Doe^Jane", 0.9), tmp_path / "h.png")
    with site(archive, browser) as shown:
        opened = shown.reading()
        looked_at(opened, "DOE")
        yield opened


def picture(page: Page) -> Locator:
    return page.locator("#stage canvas").first


def expect_words(page: Page, pattern: str) -> None:
    """What is shown, in the words for those who do not see it."""
    expect(picture(page)).to_have_attribute("aria-label", re.compile(pattern))


def drag(page: Page, dx: int, dy: int, *, button: str = "left", held: str = "") -> None:
    x, y = FROM
    page.mouse.move(x, y)
    if held:
        page.keyboard.down(held)
    page.mouse.down(button=button)  # type: ignore[arg-type]
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up(button=button)  # type: ignore[arg-type]
    if held:
        page.keyboard.up(held)


def test_window_zoom_and_pan_follow_the_mouse(page: Page) -> None:
    expect_words(page, "window 3400 centre 1900")
    drag(page, BY, 0)
    expect_words(page, r"window (3[5-9]|4)\d\d+ centre 1900")
    drag(page, 0, BY)
    expect_words(page, r"centre (19[1-9]|2)\d+")
    before = page.locator("#view-words").inner_text()
    page.keyboard.press("z")
    expect_words(page, "zoom 100 percent")
    for button, held in (("right", ""), ("left", "Shift")):
        seen = picture(page).screenshot()
        drag(page, 60, 40, button=button, held=held)
        expect_words(page, "zoom 100 percent")
        assert picture(page).screenshot() != seen, f"{button} {held} does not move the image"
    assert (
        page.locator("#view-words").inner_text().split(" \u00b7 ")[0] == before.split(" \u00b7 ")[0]
    )
    page.mouse.move(*FROM)
    page.mouse.wheel(0, -200)
    expect_words(page, "zoom 149 percent")
    page.mouse.dblclick(*FROM)
    expect_words(page, r"zoom 1[0-4]\d percent")


def test_who_wants_it_moves_the_image_with_the_left_button(page: Page) -> None:
    address = page.url
    page.goto(f"{address}me")
    page.get_by_label("What dragging with the left button does").select_option("pan")
    page.goto(address)
    looked_at(page, "DOE")
    seen = picture(page).screenshot()
    drag(page, 60, 40)
    expect_words(page, "window 3400 centre 1900")
    assert picture(page).screenshot() != seen
    drag(page, BY, 0, button="right")
    expect_words(page, r"window (3[5-9]|4)\d\d+ centre 1900")


def test_every_drag_has_its_keys_and_its_buttons(page: Page) -> None:
    seen = picture(page).screenshot()
    page.keyboard.press("z")
    page.keyboard.press("Control+ArrowRight")
    moved = picture(page).screenshot()
    assert moved != seen
    page.locator("summary", has_text="More").click()
    page.get_by_role("button", name="Move left").click()
    page.get_by_role("button", name="Move left").click()
    assert picture(page).screenshot() != moved
    page.get_by_role("button", name="Softer").click()
    expect_words(page, "window 3574 centre 1900")
    page.get_by_role("button", name="Harder").click()
    expect_words(page, "window 3400 centre 1900")
    page.get_by_role("button", name="Brighter").click()
    expect_words(page, "centre 1832")
    page.keyboard.press("w")
    expect_words(page, "window 3400 centre 1900")
    page.get_by_role("button", name="Zoom in").click()
    expect_words(page, "zoom 125 percent")
    page.keyboard.press("-")
    expect_words(page, "zoom 100 percent")
    page.keyboard.press("i")
    expect_words(page, "inverted")
    page.keyboard.press("f")
    expect(page.locator("#tool-invert")).to_have_attribute("aria-pressed", "true")
    expect_words(page, r"zoom 1[1-4]\d percent, inverted")


def test_the_heat_map_grows_stronger_and_fainter_and_becomes_an_outline(page: Page) -> None:
    plain = picture(page).screenshot()
    page.keyboard.press("h")
    expect(page.locator("#view-words")).to_contain_text("heat map 50 %")
    expect(page.locator("#legend")).to_contain_text("not how far a disease reaches")
    half = picture(page).screenshot()
    page.keyboard.press("]")
    expect(page.locator("#view-words")).to_contain_text("heat map 60 %")
    assert len({plain, half, picture(page).screenshot()}) == 3
    for _ in range(7):
        page.keyboard.press("[")
    expect(page.locator("#view-words")).to_contain_text("heat map 10 %")
    page.keyboard.press("o")
    expect(page.locator("#view-words")).to_contain_text("heat map outline")
    page.keyboard.press("h")
    expect(page.locator("#legend")).to_be_hidden()
    assert picture(page).screenshot() == plain


def test_a_length_is_told_in_millimetres_by_two_clicks_or_a_drag(page: Page) -> None:
    page.keyboard.press("z")
    expect_words(page, "zoom 100 percent")
    page.keyboard.press("l")
    expect(page.locator("#tool-length")).to_have_attribute("aria-pressed", "true")
    drag(page, BY, 0)
    expect_words(page, "50.0 mm")
    expect(page.locator("#tool-length")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("l")
    page.mouse.click(700, 400)
    page.mouse.move(730, 420)
    page.mouse.click(730, 440)
    expect_words(page, "25.0 mm")
    page.keyboard.press("Escape")
    expect(picture(page)).not_to_have_attribute("aria-label", re.compile(" mm"))
    page.keyboard.press("b")
    drag(page, 40, 40)
    expect_words(page, r"mean \d+, \d+ to \d+")


def test_a_second_image_is_a_key_away_and_says_why_it_was_not_analysed(
    archive: Archive, browser: Browser
) -> None:
    lateral = "1.2.3.1.1.2"
    for uid, seed in (("1.2.3.1.1.1", 1), (lateral, 2)):
        ds = a_radiograph(a_chest(seed), study_uid="1.2.3.1", sop_instance_uid=uid)
        store_radiograph(archive, ds, patient_name="Doe^Jane")
    refused = ImageRefusal(
        sop_instance_uid=ds.SOPInstanceUID, refusal=Refusal.NOT_FRONTAL, reason="a lateral view"
    )
    outcome = replace(an_outcome(1, 900), image_refusals=(refused,))
    archive.repository.finish_study(claim_study(archive), outcome, destinations=[])
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "DOE")
        expect(page.locator("#notes")).to_contain_text("image 1 of 2")
        statements = page.locator("#ai-statements")
        expect(statements).to_contain_text("another image was not analysed: a lateral view")
        page.keyboard.press(".")
        expect(page.locator("#notes")).to_contain_text("image 2 of 2")
        expect(statements).to_contain_text("this image was not analysed: a lateral view")


def test_a_score_says_which_model_made_it_and_when_that_was_calibrated(
    archive: Archive, browser: Browser
) -> None:
    ds = a_radiograph(a_chest(1), study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1")
    store_radiograph(archive, ds, patient_name="Doe^Jane")
    outcome = replace(an_outcome(1, 900), model=SHIPPED_MODEL)
    archive.repository.finish_study(claim_study(archive), outcome, destinations=[])
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "DOE")
        expect(page.locator("#ai-model")).to_have_text(
            f"{SHIPPED.name} {SHIPPED.version}+{SHIPPED.weights_sha256[:6]}, "
            f"calibrated {SHIPPED.calibrated_on}"
        )


@pytest.mark.parametrize(
    ("state", "refusal", "words"),
    [
        (StudyState.NOT_ANALYSED, Refusal.NOT_FRONTAL, "AI not applicable: a lateral view"),
        (StudyState.FAILED, Refusal.PROCESSING_FAILED, "AI failed: a lateral view"),
    ],
)
def test_what_was_not_scored_says_why_shows_no_number_and_can_be_corrected(
    archive: Archive, browser: Browser, state: StudyState, refusal: Refusal, words: str
) -> None:
    ds = a_radiograph(a_chest(1), study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1")
    store_radiograph(archive, ds, patient_name="Doe^Jane")
    outcome = Outcome(
        state=state, model=an_outcome().model, refusal=refusal, reason="a lateral view"
    )
    archive.repository.finish_study(claim_study(archive), outcome, destinations=[])
    report_radiograph(
        archive,
        a_radiograph(a_chest(2), study_uid="1.2.3.2", sop_instance_uid="1.2.3.2.1.1"),
        probability=0.1,
        patient_name="Roe^Rich",
    )
    with site(archive, browser) as shown:
        page = shown.reading()
        expect(page.locator("#panel-identity")).to_contain_text("DOE")
        expect(page.locator("#ai-words")).to_have_text(words)
        expect(page.locator("#score")).to_be_hidden()
        expect(page.locator("#ai-numbers")).to_be_empty()
        page.locator("#correct:enabled").wait_for()
        expect(page.locator("#accept")).to_be_disabled()
        page.keyboard.press("c")
        page.keyboard.press("2")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
