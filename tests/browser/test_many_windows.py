"""One person with more windows than a browser opens connections to one server (HTTP/1.1: six)."""

from collections.abc import Sequence

from playwright.sync_api import Browser, Page, expect

from archive.database import Archive
from tests.browser.site import Site, add_case, site
from tests.web import web_settings
from tests.web_server import free_port, running

WINDOWS = 8


def test_every_window_opens_and_hears_of_changes(archive: Archive, browser: Browser) -> None:
    with site(archive, browser) as shown:
        _expect_to_hear(archive, _windows(shown, WINDOWS))


def test_another_window_listens_when_the_one_that_did_is_closed(
    archive: Archive, browser: Browser
) -> None:
    with site(archive, browser) as shown:
        first, *others = _windows(shown, 3)
        first.close()
        _expect_to_hear(archive, others)


def test_every_window_says_that_changes_are_not_heard_of_and_that_they_are_again(
    archive: Archive, browser: Browser
) -> None:
    settings = web_settings(api={"port": free_port()})
    shown = Site(archive=archive, settings=settings, browser=browser)
    with running(archive, settings):
        windows = _windows(shown, 2)
    for window in windows:
        expect(window.locator("#not-live")).to_be_visible()
    with running(archive, settings):
        for window in windows:
            expect(window.locator("#not-live")).to_be_hidden()
        shown.close()


def test_a_window_that_listens_and_hangs_leaves_nobody_believing_that_all_is_well(
    archive: Archive, browser: Browser
) -> None:
    with site(archive, browser) as shown:
        first = shown.person()
        second = first.context.new_page()
        second.add_init_script(
            "const every = setInterval; setInterval = (f, t) => every(f, t / 10);"
        )
        for window in (first, second):
            window.goto(f"{shown.address}/")
            window.locator("html[data-ready]").wait_for()
        debugger = first.context.new_cdp_session(first)
        debugger.send("Debugger.enable")
        debugger.send("Debugger.pause")
        expect(second.locator("#not-live")).to_be_visible()
        add_case(archive, 1, "Doe^Jane", 0.9)
        expect(second.locator("#panel-identity")).to_contain_text("DOE")


def _expect_to_hear(archive: Archive, windows: Sequence[Page]) -> None:
    add_case(archive, 1, "Doe^Jane", 0.9)
    for window in windows:
        expect(window.locator("#panel-identity")).to_contain_text("DOE")
        expect(window.locator("#not-live")).to_be_hidden()


def _windows(shown: Site, count: int) -> list[Page]:
    """Reading pages of one person, in one browser; the first of them came first."""
    first = shown.person()
    windows = [first, *(first.context.new_page() for _ in range(count - 1))]
    for window in windows:
        window.goto(f"{shown.address}/")
        window.locator("html[data-ready]").wait_for()
    return windows
