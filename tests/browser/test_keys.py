"""Keys of the reading page where the browser has its own, and where they would mean two things."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from archive.database import Archive
from archive.records import StudyUid
from tests.browser.site import add_case, add_heat_map, looked_at, site

pytestmark = pytest.mark.peer("chromium")


@pytest.fixture
def page(archive: Archive, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The reading page with two cases that have heat maps."""
    for number, name, probability in ((1, "Doe^Jane", 0.9), (2, "Roe^Rich", 0.8)):
        add_heat_map(archive, add_case(archive, number, name, probability), tmp_path / "h.png")
    with site(archive, browser) as shown:
        opened = shown.reading()
        looked_at(opened, "DOE")
        yield opened


def test_controls_that_have_the_focus_keep_their_own_keys(page: Page) -> None:
    dim = page.get_by_label("Dim")
    dim.focus()
    page.keyboard.press("ArrowDown")
    expect(dim).to_have_value("95")
    more = page.locator("summary", has_text="More")
    more.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Softer")).to_be_visible()
    page.keyboard.press("c")
    page.get_by_label("1 pneumonia").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("2 none")).to_be_checked()
    page.keyboard.press("3")
    expect(page.get_by_label("3 indeterminate")).to_be_checked()
    expect(page.locator("#panel-identity")).to_contain_text("DOE")


def test_space_peeks_also_after_a_case_was_chosen_by_the_mouse(page: Page) -> None:
    page.locator("#worklist button").nth(1).click()
    looked_at(page, "ROE")
    picture = page.locator("#stage canvas").first
    page.keyboard.down(" ")
    expect(picture).to_have_attribute("aria-label", re.compile("heat map on$"))
    page.keyboard.up(" ")
    expect(picture).to_have_attribute("aria-label", re.compile("heat map off$"))


def test_the_slider_of_the_heat_map_follows_the_keys(page: Page) -> None:
    page.keyboard.press("h")
    page.keyboard.press("]")
    expect(page.get_by_label("Opacity of the heat map")).to_have_value("60")


def test_a_key_that_means_something_already_is_not_given_away(page: Page, archive: Archive) -> None:
    page.keyboard.press("?")
    field = page.get_by_label("Key for: Accept, next")
    for key, words in (("j", "Next case"), (" ", "Peek at the heat map"), ("1", "Correct to")):
        field.press(key)
        expect(page.locator("#keys-words")).to_contain_text(f"stays the key for: {words}")
        expect(field).to_have_value("a")
    page.locator("#keys button[type=submit]").click()
    page.keyboard.press("j")
    looked_at(page, "ROE")
    assert archive.repository.reviews_of(StudyUid("1.2.3.1")) == ()


def test_what_a_broken_connection_did_not_bring_is_asked_for_again(page: Page) -> None:
    broken: list[str] = []

    def break_once(route: Route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort("connectionreset")

    page.route("**/heatmap", break_once)
    with page.expect_response("**/heatmap") as answered:
        page.keyboard.press("h")
    assert answered.value.status == 200
    assert len(broken) == 1
