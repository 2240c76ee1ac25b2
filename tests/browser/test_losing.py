"""A browser takes the painted image away: nothing black may be decided about, and it comes back."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from archive.database import Archive
from archive.records import StudyUid
from tests.browser.site import add_case, looked_at, site

pytestmark = pytest.mark.peer("chromium")

# Takes the WebGL context away, says what the page is like right then, and tries to accept.
LOSE = """async (canvas, givenBackAfter) => {
    const loss = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
    const taken = new Promise((resolve) => canvas.addEventListener("webglcontextlost", resolve));
    loss.loseContext();
    await taken;
    const { parentElement: stage } = canvas;
    const said = stage.querySelector("[id$=-words]").textContent;
    const decisions = ["accept", "reject", "correct", "unreadable"];
    const isOff = decisions.every((id) => document.getElementById(id).disabled);
    if (givenBackAfter !== null) setTimeout(() => loss.restoreContext(), givenBackAfter);
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    if (stage.id === "stage") document.dispatchEvent(new KeyboardEvent("keydown", { key: "a" }));
    return { said, isOff, isHidden: canvas.hidden, label: canvas.ariaLabel };
}"""


@pytest.fixture
def page(archive: Archive, browser: Browser) -> Iterator[Page]:
    """The reading page that paints by WebGL, with a case that has a prior."""
    for number in (1, 2):
        add_case(archive, number, "Doe^Jane", 0.9 - number / 10, patient_id="P1")
    with site(archive, browser) as shown:
        opened = shown.reading(query="?painter=webgl")
        looked_at(opened, "DOE")
        yield opened


def picture(page: Page) -> Locator:
    return page.locator("#stage canvas").first


def lose(canvas: Locator, given_back_after: int | None) -> dict[str, Any]:
    found: dict[str, Any] = canvas.evaluate(LOSE, given_back_after)
    return found


@pytest.mark.parametrize("given_back_after", [100, None], ids=["given back", "gone for good"])
def test_a_lost_image_blocks_every_decision_until_it_is_painted_again(
    page: Page, archive: Archive, given_back_after: int | None
) -> None:
    page.keyboard.press("z")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("i")
    expect(picture(page)).to_have_attribute("aria-label", re.compile("zoom 100.*inverted"))
    seen, words = picture(page).screenshot(), picture(page).get_attribute("aria-label")

    found = lose(picture(page), given_back_after)

    assert "The image is lost" in found["said"]
    assert found["isOff"]
    assert (found["isHidden"], found["label"]) == (True, "no image")
    assert archive.repository.reviews_of(StudyUid("1.2.3.1")) == ()
    page.locator("#accept:enabled").wait_for()
    expect(page.locator("#stage-words")).to_be_empty()
    expect(picture(page)).to_have_attribute("aria-label", words or "")
    assert picture(page).screenshot() == seen
    kind = "webgl2" if given_back_after else "2d"
    assert picture(page).evaluate("(canvas, kind) => Boolean(canvas.getContext(kind))", kind)


def test_an_image_that_is_painted_without_the_graphics_processor_follows_the_mouse(
    page: Page,
) -> None:
    lose(picture(page), None)
    page.locator("#accept:enabled").wait_for()
    before = picture(page).get_attribute("aria-label")
    page.mouse.move(760, 400)
    page.mouse.down()
    page.mouse.move(860, 400, steps=4)
    page.mouse.up()
    expect(picture(page)).not_to_have_attribute("aria-label", before or "")
    page.keyboard.press("a")
    expect(page.locator("#saved")).to_contain_text("undo")


def test_a_case_that_is_opened_while_nothing_is_painted_says_so_and_is_shown_later(
    page: Page,
) -> None:
    lose(picture(page), None)
    page.keyboard.press("j")
    expect(page.locator("#worklist button").nth(1)).to_have_attribute("aria-current", "true")
    page.locator("#accept:enabled").wait_for()
    expect(picture(page)).to_have_attribute("aria-label", re.compile("^Radiograph"))
    expect(page.locator("#stage-words")).to_be_empty()


def test_a_lost_prior_says_so_and_comes_back(page: Page) -> None:
    page.keyboard.press("v")
    prior = page.locator("#prior-stage canvas").first
    expect(prior).to_have_attribute("aria-label", re.compile("^Radiograph"))
    found = lose(prior, None)
    assert "The prior is lost" in found["said"]
    expect(page.locator("#prior-words")).to_be_empty()
    expect(prior).to_have_attribute("aria-label", re.compile("^Radiograph"))
