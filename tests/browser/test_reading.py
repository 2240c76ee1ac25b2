"""The reading page as a radiologist works with it: keys, undo, conflicts, arrivals, sessions."""

import re
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from archive.database import Archive
from archive.records import InstanceKey, SeriesUid, SopInstanceUid, StudyUid
from archive.review_records import Review, ReviewReason, Verdict
from tests.browser.site import CASES, Tell, add_case, add_heat_map, fill, looked_at, site
from tests.builders.arrivals import an_arrival, an_outcome
from tests.builders.grey_scales import a_radiograph
from tests.builders.people import a_radiologist, a_review
from tests.processes import wait_until
from tests.web import claim_study, report_radiograph, store_radiograph

pytestmark = pytest.mark.peer("chromium")


def complaints_of(page: Page) -> list[str]:
    """What the browser complains about, from now on: errors, and what the policy forbids."""
    complaints: list[str] = []

    def on_console(line: ConsoleMessage) -> None:
        if line.type == "error":
            complaints.append(line.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def names(page: Page) -> list[str]:
    found = page.locator("#worklist .who").all_inner_texts()
    return [re.sub(r"[^A-Z]*([A-Z]+),.*", r"\1", text) for text in found]


def the_review(archive: Archive, study: int) -> Review:
    deadline = time.monotonic() + 20
    while True:
        found = [
            r for r in archive.repository.reviews_of(StudyUid(f"1.2.3.{study}")) if r.is_current
        ]
        if found:
            return found[0]
        assert time.monotonic() < deadline, "no review was kept"
        time.sleep(0.02)


def test_one_key_accepts_and_shows_the_next_case(archive: Archive, browser: Browser) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        assert names(page) == ["ROE", "DOE", "LEE", "POE"]
        looked_at(page, "ROE")
        expect(page.locator("#accept-means")).to_contain_text("pneumonia")
        expect(page.locator("#reject-means")).to_contain_text("no pneumonia")
        page.keyboard.press("a")
        looked_at(page, "DOE")
        assert names(page) == ["DOE", "LEE", "POE"]
        review = the_review(archive, 2)
        assert review.verdict is Verdict.ACCEPT
        assert review.reviewer.login == "ito"
        assert review.image_visible_milliseconds >= 500
        expect(page.locator("#saved")).to_contain_text("undo")


def test_two_keys_reject_and_three_correct(archive: Archive, browser: Browser) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("r")
        page.keyboard.press("Control+Enter")
        looked_at(page, "DOE")
        rejected = the_review(archive, 2)
        assert (rejected.verdict, rejected.presence) == (Verdict.REJECT, "ABSENT")
        assert rejected.reason is ReviewReason.READING_DIFFERS
        page.keyboard.press("c")
        page.keyboard.press("3")
        page.keyboard.press("Control+Enter")
        looked_at(page, "LEE")
        corrected = the_review(archive, 1)
        assert (corrected.verdict, corrected.presence) == (Verdict.CORRECT, "UNDETERMINED")


def effort_of(review: Review) -> tuple[int | None, int | None]:
    return review.key_count, review.click_count


def test_accepting_costs_one_key_rejecting_two_correcting_three_and_no_click(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("a")
        looked_at(page, "DOE")
        assert effort_of(the_review(archive, 2)) == (1, 0)
        page.keyboard.press("r")
        page.keyboard.press("Control+Enter")
        looked_at(page, "LEE")
        assert effort_of(the_review(archive, 1)) == (2, 0)
        page.keyboard.press("c")
        page.keyboard.press("2")
        page.keyboard.press("Control+Enter")
        looked_at(page, "POE")
        corrected = the_review(archive, 3)
        assert effort_of(corrected) == (3, 0)
        assert corrected.is_heat_map_opened is None
        text = page.request.get(f"{shown.address}/metrics").text()
        assert 'hilum_review_keys_sum{verdict="CORRECT"} 3.0' in text


def test_clicks_are_counted_letters_of_a_comment_are_not_and_the_opened_heat_map_is_told(
    archive: Archive, browser: Browser, tmp_path: Path
) -> None:
    for number, name, probability in CASES[:2]:
        add_heat_map(archive, add_case(archive, number, name, probability), tmp_path / f"{number}")
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("h")
        expect(page.locator("#view-words")).to_contain_text("heat map 50 %")
        expect(page.get_by_role("img", name="heat map on")).to_be_visible()
        page.keyboard.press("h")
        expect(page.locator("#view-words")).to_contain_text("heat map off")
        page.locator("#comment").click()
        page.keyboard.type("seen")
        page.locator("#accept").click()
        looked_at(page, "DOE")
        accepted = the_review(archive, 2)
        assert accepted.comment == "seen"
        assert (effort_of(accepted), accepted.is_heat_map_opened) == ((2, 2), True)
        page.keyboard.press("a")
        unopened = the_review(archive, 1)
        assert (effort_of(unopened), unopened.is_heat_map_opened) == ((1, 0), False)


def test_letters_typed_into_the_comment_are_only_letters(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("r")
        page.keyboard.type("a clear artefact, jkuhx 123")
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
        page.keyboard.press("Control+Enter")
        looked_at(page, "DOE")
        assert the_review(archive, 2).comment == "a clear artefact, jkuhx 123"


def test_undo_brings_the_case_back_to_its_place(archive: Archive, browser: Browser) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("a")
        looked_at(page, "DOE")
        the_review(archive, 2)
        expect(page.locator("#undo")).to_be_visible()
        page.keyboard.press("u")
        looked_at(page, "ROE")
        assert names(page) == ["ROE", "DOE", "LEE", "POE"]
        reviews = archive.repository.reviews_of(StudyUid("1.2.3.2"))
        assert [review.state for review in reviews] == ["UNDONE"]


def test_nothing_is_decided_before_the_image_was_looked_at(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser, review={"minimum_view_milliseconds": 60_000}) as shown:
        page = shown.reading()
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
        page.locator("#stage canvas").first.wait_for()
        for key in ("a", "r", "c"):
            page.keyboard.press(key)
        expect(page.locator("#accept")).to_be_disabled()
        expect(page.locator("#reject-form")).to_be_hidden()
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
    assert archive.repository.reviews_of(StudyUid("1.2.3.2")) == ()


def test_who_decides_late_is_told_by_name_and_sees_the_case_again(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        archive.repository.add_review(a_review(archive, a_radiologist(archive, "lee"), 2))
        page.keyboard.press("a")
        expect(page.locator("#banner-words")).to_contain_text("Not saved for ROE, Rich")
        expect(page.locator("#banner-words")).to_contain_text("Lee Ken")
        expect(page.locator("#panel-identity")).to_contain_text("ROE")


def test_arrivals_are_announced_within_a_second_and_move_nothing(
    archive: Archive, browser: Browser, tell: Tell
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("j")
        looked_at(page, "DOE")
        archive.repository.record_instance(an_arrival(9, 1))
        arrived = time.monotonic()
        expect(page.locator("#news span")).to_have_text("1 new")
        seconds = time.monotonic() - arrived
        tell(f"arrival visible in the list after {seconds * 1000:.0f} ms")
        assert names(page) == ["ROE", "DOE", "LEE", "POE"]
        expect(page.locator("#panel-identity")).to_contain_text("DOE")
        page.keyboard.press("t")
        assert names(page)[-1] == "DOE"
        expect(page.locator("#panel-identity")).to_contain_text("DOE, JANE".title()[:3].upper())


def test_a_change_of_the_open_case_is_told_and_shown_when_asked_for(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        archive.repository.add_review(a_review(archive, a_radiologist(archive, "lee"), 2))
        expect(page.locator("#changed-words")).to_contain_text("LEE, Ken has decided: accept")
        page.keyboard.press("e")
        expect(page.locator("#history")).to_contain_text("LEE, Ken: accept")


def test_others_see_who_has_a_case_open(archive: Archive, browser: Browser) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        first = shown.reading("ito")
        looked_at(first, "ROE")
        second = shown.reading("lee")
        looked_at(second, "ROE")
        expect(second.locator("#worklist")).to_contain_text("(ITO, Ken)")
        expect(first.locator("#worklist")).to_contain_text("(LEE, Ken)")
        expect(first.locator("#worklist")).not_to_contain_text("(ITO, Ken)")


def test_the_heat_map_is_off_on_each_case_and_one_key_away(
    archive: Archive, browser: Browser, tmp_path: Path
) -> None:
    for number, name, probability in ((1, "Doe^Jane", 0.9), (2, "Roe^Rich", 0.8)):
        add_heat_map(archive, add_case(archive, number, name, probability), tmp_path / "h.png")
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "DOE")
        plain = page.locator("#stage").screenshot()
        place = page.locator("#stage").bounding_box()
        picture = page.locator("#stage canvas").first
        page.keyboard.press("h")
        expect(picture).to_have_attribute("aria-label", re.compile("heat map on$"))
        assert page.locator("#stage").bounding_box() == place, "the image moved under the eye"
        assert page.locator("#stage").screenshot() != plain
        page.keyboard.press("o")
        expect(picture).to_have_attribute("aria-label", re.compile("heat map on, outline$"))
        page.keyboard.press("j")
        looked_at(page, "ROE")
        expect(picture).to_have_attribute("aria-label", re.compile("heat map off$"))
        page.keyboard.down(" ")
        expect(picture).to_have_attribute("aria-label", re.compile("heat map on$"))
        page.keyboard.up(" ")
        expect(picture).to_have_attribute("aria-label", re.compile("heat map off$"))


def test_blind_first_covers_the_result_until_the_reader_has_said_something(
    archive: Archive, browser: Browser, tmp_path: Path
) -> None:
    fill(archive)
    add_heat_map(
        archive,
        InstanceKey(
            study_uid=StudyUid("1.2.3.2"),
            series_uid=SeriesUid("1.2.3.2.1"),
            sop_instance_uid=SopInstanceUid("1.2.3.2.1.1"),
        ),
        tmp_path / "h.png",
    )
    with site(archive, browser, review={"blind_first": True}) as shown:
        page = shown.reading()
        assert names(page) == ["DOE", "ROE", "LEE", "POE"]  # as they arrived
        bands = page.locator("#worklist button").evaluate_all("rows => rows.map(r => r.className)")
        assert bands == ["case routine"] * 4
        expect(page.locator("#counts")).to_have_text("0 overdue, 4 others")
        expect(page.locator("#worklist")).not_to_contain_text(re.compile(r"0\.\d|AI positive"))
        # Of one that has a heat map no more is told than of one that has none.
        label = re.compile("heat map covered$")
        expect(page.locator("#stage canvas").first).to_have_attribute("aria-label", label)
        expect(page.locator("#view-words")).to_contain_text("heat map covered")
        page.keyboard.press("j")
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
        expect(page.locator("#stage canvas").first).to_have_attribute("aria-label", label)
        expect(page.locator("#ai-words")).to_contain_text("covered")
        expect(page.locator("#score")).to_be_hidden()
        page.locator("#correct:disabled").wait_for()
        page.keyboard.press("h")
        expect(page.locator("#view-words")).to_contain_text("heat map covered")
        expect(page.locator("#tool-heat")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#accept-means")).to_be_empty()

        def say_none() -> bool:
            # Counts only once the image was looked at for long enough.
            page.keyboard.press("n")
            return "covered" not in page.locator("#ai-words").inner_text()

        wait_until(say_none, within_seconds=20, what="an own opinion")
        expect(page.locator("#ai-words")).to_have_text("AI: pneumonia suspected")
        page.locator("#accept:enabled").wait_for()
        page.keyboard.press("a")
        assert the_review(archive, 2).blind_presence == "ABSENT"


def test_a_session_that_ended_is_renewed_in_place_and_nothing_typed_is_lost(
    archive: Archive, browser: Browser
) -> None:
    from api.auth.accounts import add_user
    from archive.account_records import Role

    password = "correct horse battery"  # noqa: S105
    add_user(
        archive,
        login="ito",
        person_name="Ito^Ken",
        roles=frozenset({Role.RADIOLOGIST}),
        password=password,
    )
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("r")
        page.keyboard.type("typed before")
        page.context.clear_cookies()
        page.keyboard.press("Control+Enter")
        expect(page.locator("#sign-in-again")).to_be_visible()
        page.locator("#again-password").fill("wrong wrong wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#again-fault")).to_contain_text("wrong")
        page.locator("#again-password").fill(password)
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in-again")).to_be_hidden()
        assert the_review(archive, 2).comment == "typed before"


def test_a_key_can_be_moved_and_single_keys_switched_off(
    archive: Archive, browser: Browser
) -> None:
    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        page.keyboard.press("?")
        page.get_by_label("Key for: Accept, next").focus()
        page.keyboard.press("q")
        page.locator("#keys button[type=submit]").click()
        page.keyboard.press("a")
        expect(page.locator("#panel-identity")).to_contain_text("ROE")
        page.keyboard.press("q")
        looked_at(page, "DOE")
        page.keyboard.press("?")
        page.locator("#single-keys").uncheck()
        page.locator("#keys button[type=submit]").click()
        page.keyboard.press("q")
        expect(page.locator("#panel-identity")).to_contain_text("DOE")


def test_a_prior_stands_beside_and_follows(archive: Archive, browser: Browser) -> None:
    for number in (1, 2):
        add_case(archive, number, "Doe^Jane", 0.9 - number / 10, patient_id="P1")
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "DOE")
        expect(page.locator("#priors")).to_contain_text("2026-01-01: pneumonia 0.70")
        page.keyboard.press("v")
        expect(page.locator("#prior-caption")).to_have_text(
            "Prior \u00b7 2026-01-01 \u00b7 DOE, Jane \u00b7 P1"
        )
        expect(page.locator("#caption")).to_have_text(
            "Now \u00b7 2026-01-01 \u00b7 DOE, Jane \u00b7 P1"
        )
        now, prior = page.locator("#stage canvas").first, page.locator("#prior-stage canvas").first
        page.keyboard.press("z")
        for picture in (now, prior):
            expect(picture).to_have_attribute("aria-label", re.compile("zoom 100 percent"))
        page.keyboard.press("v")
        expect(page.locator("#prior-side")).to_be_hidden()
        expect(page.locator("#prior-stage canvas")).to_have_count(0)


def test_an_image_that_cannot_be_shown_says_so_and_can_be_called_unreadable(
    archive: Archive, browser: Browser
) -> None:
    ds = a_radiograph(PixelData=b"", study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1")
    report_radiograph(archive, ds, patient_name="Doe^Jane")
    with site(archive, browser) as shown:
        page = shown.reading()
        expect(page.locator("#stage-words")).to_contain_text("holds no pixel data")
        expect(page.locator("#accept")).to_be_disabled()
        page.locator("#unreadable:enabled").wait_for()
        page.keyboard.press("x")
        assert the_review(archive, 1).verdict is Verdict.UNREADABLE
        expect(page.locator("#stage-words")).to_contain_text("No unread studies")


def test_the_page_has_no_fault_of_accessibility_and_breaks_no_policy(
    archive: Archive, browser: Browser, tmp_path: Path, tell: Tell
) -> None:
    fill(archive)
    add_heat_map(archive, add_case(archive, 5, "Moe^Max", 0.99), tmp_path / "h.png")
    with site(archive, browser) as shown:
        page = shown.person()
        complaints = complaints_of(page)
        page.goto(shown.address)
        page.locator("#accept:enabled").wait_for()
        page.keyboard.press("h")
        page.keyboard.press("r")
        assert complaints == []
        found = Axe().run(page)
        tell(f"axe: {found.violations_count} violations")
        assert found.violations_count == 0, found.generate_report()


def test_the_page_says_when_nothing_is_unread(archive: Archive, browser: Browser) -> None:
    with site(archive, browser) as shown:
        page = shown.reading()
        expect(page.locator("#stage-words")).to_contain_text("No unread studies")
        add_case(archive, 1, "Doe^Jane", 0.9)
        expect(page.locator("#panel-identity")).to_contain_text("DOE")
        expect(page.locator("#stage-words")).to_be_empty()


def test_an_empty_list_says_when_the_last_radiograph_came(
    archive: Archive, browser: Browser
) -> None:
    add_case(archive, 1, "Doe^Jane", 0.9)
    archive.repository.add_review(a_review(archive, a_radiologist(archive, "lee"), 1))
    with site(archive, browser) as shown:
        page = shown.reading()
        expect(page.locator("#stage-words")).to_contain_text("The last one came")


def test_a_result_that_comes_late_is_told_and_shown_by_a_key(
    archive: Archive, browser: Browser
) -> None:
    ds = a_radiograph(study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1")
    store_radiograph(archive, ds, patient_name="Doe^Jane")
    with site(archive, browser) as shown:
        page = shown.reading()
        expect(page.locator("#ai-words")).to_have_text(re.compile(r"^AI pending 00:\d\d$"))
        claim = claim_study(archive)
        archive.repository.finish_study(claim, an_outcome(1, 900), destinations=["pacs"])
        expect(page.locator("#changed-words")).to_have_text("A further image or result arrived.")
        expect(page.locator("#ai-words")).to_contain_text("AI pending")
        page.keyboard.press("e")
        expect(page.locator("#ai-words")).to_contain_text("AI: pneumonia suspected")
        expect(page.locator("#changed-under")).to_be_hidden()


def test_waits_are_measured_and_reach_the_metrics(
    archive: Archive, browser: Browser, tell: Tell
) -> None:
    import httpx

    fill(archive)
    with site(archive, browser) as shown:
        page = shown.reading()
        looked_at(page, "ROE")
        first = float(page.locator("html").get_attribute("data-first-image") or "nan")
        waits = []
        for name in ("DOE", "LEE", "POE"):
            page.keyboard.press("a")
            looked_at(page, name)
            waits.append(float(page.locator("html").get_attribute("data-next-image") or "nan"))
        tell(f"first image {first:.0f} ms, next image {max(waits):.0f} ms at most")
        text = httpx.get(f"{shown.address}/metrics").text
        assert 'hilum_reader_waited_seconds_count{what="first_image"} 1.0' in text
        assert 'hilum_reader_waited_seconds_count{what="next_image"} 3.0' in text
