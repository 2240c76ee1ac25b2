"""The pages of administrators in a real browser."""

import pytest
from playwright.sync_api import Browser, expect

from archive.database import Archive
from tests.browser.site import fill, site

pytestmark = pytest.mark.peer("chromium")


def test_what_was_given_up_is_sent_again_from_the_page(archive: Archive, browser: Browser) -> None:
    fill(archive)
    [claim, *_] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA700, reason="refused for good")
    with site(archive, browser) as shown:
        page = shown.person()
        page.goto(f"{shown.address}/ops")
        page.get_by_label(f"Delivery {claim.delivery_id}").check()
        page.get_by_role("button", name="Replay selected").click()
        expect(page.locator("main")).to_contain_text("Nothing failed.")
    assert archive.repository.delivery(claim.delivery_id).state == "READY"


def test_a_delivery_is_sent_again_and_given_up_on_its_own_page(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    [claim, *_] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA700, reason="refused for good")
    with site(archive, browser) as shown:
        page = shown.person()
        page.goto(f"{shown.address}/ops")
        page.get_by_role("link", name=str(claim.delivery_id), exact=True).click()
        expect(page.locator("main")).to_contain_text("0xA700 out of resources")
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("ready")
        page.get_by_role("button", name="Give up").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("gave up")
        expect(page.locator("main")).to_contain_text("given up by ito")
