"""One browser for all tests of pages, and a way to tell what was measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import PATIENCE_MILLISECONDS, Tell, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it, without a window."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages go: the folder after `--pictures`, or one that is forgotten."""
    folder = request.config.getoption("--pictures")
    return Path(folder) if folder else tmp_path_factory.mktemp("pictures")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Print a figure that a test measured, also when all is well."""
    plugins = request.config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    capture = plugins.get_plugin("capturemanager")

    def write(words: str) -> None:
        if reporter is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n  {words}")

    return write
