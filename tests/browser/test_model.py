"""The page of those who watch models in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, expect

from archive.account_records import Role
from archive.database import Archive
from archive.records import Presence
from archive.review_records import ReviewReason, Verdict
from tests.browser.site import fill, site
from tests.builders.people import a_radiologist, a_review

pytestmark = pytest.mark.peer("chromium")


def test_a_rejected_result_is_seen_small_and_leads_to_its_study(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    decision = a_review(
        archive,
        a_radiologist(archive, "mori"),
        3,
        verdict=Verdict.REJECT,
        presence=Presence.ABSENT,
        reason=ReviewReason.ARTEFACT,
    )
    archive.repository.add_review(decision)
    with site(archive, browser) as shown:
        page = shown.person("silva", [Role.ML])
        page.goto(f"{shown.address}/model")
        case = page.get_by_role("listitem").filter(has=page.get_by_role("img"))
        expect(case).to_contain_text(
            re.compile("AI: pneumonia, 0.52.*Reviewer: no pneumonia, art", re.S)
        )
        expect(page.locator("main")).not_to_contain_text("Lee")
        small = case.get_by_role("img")
        small.scroll_into_view_if_needed()
        expect(small).to_have_js_property("complete", True)
        assert small.evaluate("picture => picture.naturalWidth") > 50
        case.get_by_role("link").click()
        page.wait_for_url(f"{shown.address}/studies/1.2.3.3")
