"""The pages beside the reading page in a real browser: by keyboard, without a fault of access."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pydicom import FileDataset

from api.auth.accounts import add_token, add_user
from archive.account_records import AuditEntry, Role, Scope
from archive.association_records import AssociationOutcome
from archive.database import Archive, open_archive
from archive.records import DeliveryState, Presence
from archive.review_records import ReviewReason, Verdict
from config.settings import ArchiveSettings
from tests.browser.site import Site, add_heat_map, fill, site
from tests.builders.calls import A_CALL, REJECTED
from tests.builders.people import a_review
from tests.openid import Provider, openid_provider
from tests.web import beating, report_radiograph
from training.sample_studies import LIMB, sample_studies

pytestmark = [
    pytest.mark.peer("chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib.*"),
]

PASSWORD = "correct horse battery"  # noqa: S105
# Of the cases that `fill` makes; what the model says of them is in site.py.
DECISIONS: dict[int, dict[str, object]] = {
    1: {"verdict": Verdict.ACCEPT, "presence": Presence.PRESENT},
    2: {"verdict": Verdict.ACCEPT, "presence": Presence.PRESENT},
    3: {
        "verdict": Verdict.REJECT,
        "presence": Presence.ABSENT,
        "reason": ReviewReason.READING_DIFFERS,
    },
    4: {"verdict": Verdict.ACCEPT, "presence": Presence.ABSENT},
}
# What is kept in docs/, see CONTRIBUTING.md.
PICTURED = {"/ops": "operation-page", "/model": "model-page", "/admin": "admin-page"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with openid_provider(tmp_path_factory.mktemp("provider")) as running:
        running.add("s-park", preferred_username="park", name="Park Min", groups=["chest-readers"])
        yield running


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, provider: Provider
) -> Iterator[Site]:
    """One installation for all tests of this file: cases, people, tokens, and a provider."""
    folder = tmp_path_factory.mktemp("site")
    archive = open_archive(
        ArchiveSettings(root=folder / "files", database_url=f"sqlite:///{folder / 'hilum.db'}")
    )
    settle(archive, folder)
    pacs = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": 4242}
    source = {**pacs, "name": "archive", "priors": 2}
    with (
        beating(archive),
        site(
            archive, browser, oidc=provider.settings(), destinations=[pacs], sources=[source]
        ) as running,
    ):
        yield running
    archive.repository.dispose()


def settle(archive: Archive, folder: Path) -> None:
    """Synthetic cases, some decided, one delivery given up; people, tokens, a trail."""
    people = {
        login: add_user(
            archive,
            login=login,
            person_name=name,
            roles=frozenset({role}),
            password=PASSWORD,
            organisation="General Hospital",
        )
        for login, name, role in (
            ("mori", "Mori^Aiko^^Dr", Role.RADIOLOGIST),
            ("berg", "Berg^Lars", Role.ADMIN),
            ("silva", "Silva^Rosa", Role.ML),
        )
    }
    for login in people:
        archive.repository.record_audit(AuditEntry(actor=login, action="SIGN_IN"))
    add_samples(archive, folder)
    fill(archive)
    for study, changes in DECISIONS.items():
        archive.repository.add_review(a_review(archive, people["mori"], study, **changes))
    [claim, *_] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA700, reason="refused for good")
    for words in ("no answer from archive", "2 fetched"):
        searched = archive.repository.claim_prior_search(lease_seconds=60)
        assert searched is not None
        if words.startswith("no"):
            archive.repository.give_up_prior_search(searched, words=words)
        else:
            archive.repository.finish_prior_search(searched, words=words)
    archive.repository.record_associations(
        [
            replace(A_CALL, byte_count=41_000_000),
            replace(
                A_CALL,
                outcome=AssociationOutcome.LOST,
                words="the connection ended",
                refused=1,
                byte_count=18_000_000,
            ),
            REJECTED,
        ],
        keep=1000,
    )
    for name, scope in (("nightly export", Scope.EXPORT), ("OHIF viewer", Scope.READ)):
        add_token(
            archive,
            name=name,
            scopes=frozenset({scope}),
            created_by="berg",
            life=timedelta(days=90),
        )


def add_samples(archive: Archive, folder: Path) -> None:
    """The pictures that ship with the project: nobody's radiographs."""
    for number, (name, ds) in enumerate(sample_studies()):
        if name.startswith(LIMB):
            continue  # the model scores no limb
        stored = FileDataset(name, ds, file_meta=ds.file_meta, preamble=b"\0" * 128)
        is_positive = name.startswith("pneumonia")
        key = report_radiograph(
            archive,
            stored,
            probability=0.97 - number / 50 if is_positive else 0.04,
            patient_sex="F",
            patient_birth_date="20210101",
            accession_number=f"A{number + 10}",
            study_date="20260101",
        )
        if is_positive:
            add_heat_map(archive, key, folder / "heat.png")


def gone_to(shown: Site, path: str, login: str = "ito") -> Page:
    page = shown.person(login)
    page.goto(f"{shown.address}{path}")
    return page


def test_no_page_has_a_fault_of_accessibility_or_breaks_the_policy(
    shown: Site, pictures: Path
) -> None:
    page = shown.person()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    user = shown.archive.repository.user_of_login("mori")
    [delivery] = shown.archive.repository.deliveries(state=DeliveryState.GAVE_UP)
    for path in (
        "/ops", f"/ops/deliveries/{delivery.delivery_id}", "/model", "/studies", "/docs",
        "/ops/associations", "/ops/associations?outcome=LOST",
        "/admin", f"/admin/users/{user.user_id}",
        "/admin/tokens", "/admin/audit?check=yes", "/me", "/help", "/display-test", "/sign-in",
    ):  # fmt: skip
        page.goto(f"{shown.address}{path}")
        expect(page.locator("h1")).to_be_visible()
        found = Axe().run(page)
        assert found.violations_count == 0, (path, found.generate_report())
        if path in PICTURED:
            page.screenshot(path=pictures / f"{PICTURED[path]}.png")
    assert complaints == []


def test_the_reading_page_is_pictured_with_its_heat_map(shown: Site, pictures: Path) -> None:
    page = shown.reading("mori")
    expect(page.locator("#panel-identity")).to_contain_text("SYNTHETIC")
    page.locator("#accept:enabled").wait_for()
    page.keyboard.press("h")
    expect(page.locator("#tool-heat")).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=pictures / "reading-page.png")


def test_an_account_is_made_with_the_keyboard_alone_and_its_person_signs_in(shown: Site) -> None:
    page = gone_to(shown, "/admin")
    page.get_by_label("Login").focus()
    page.keyboard.type("nowak")
    page.keyboard.press("Tab")
    page.keyboard.type("Nowak^Ewa")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Link for nowak")).to_be_visible()
    link = page.get_by_label("Address to choose a password").input_value()
    person = shown.context().new_page()
    person.goto(link.replace("http://127.0.0.1:8000", shown.address))
    person.get_by_label("Password, 12").fill(PASSWORD)
    person.keyboard.press("Enter")
    person.locator("html[data-ready]").wait_for()
    expect(person.get_by_role("link", name="Nowak Ewa")).to_be_visible()
    expect(person.get_by_role("link", name="Admin")).to_have_count(0)


def test_a_token_is_shown_once(shown: Site) -> None:
    page = gone_to(shown, "/admin/tokens")
    page.get_by_label("What for").fill("dashboard")
    page.get_by_label("read").check()
    page.get_by_role("button", name="Make the token").click()
    text = page.get_by_label("Token").input_value()
    assert text.startswith("hilum_")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("cell", name="dashboard", exact=True)).to_be_visible()
    assert text not in page.content()
    page.get_by_role("button", name="End token dashboard").click()
    expect(page.get_by_role("row", name="dashboard")).to_contain_text("ended")


def test_a_person_goes_to_the_provider_and_comes_back_signed_in(shown: Site) -> None:
    page = shown.context().new_page()
    page.goto(f"{shown.address}/studies")
    page.get_by_role("link", name="Sign in with the hospital's account").click()
    page.locator("input[name=sub]").fill("s-park")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{shown.address}/studies")
    expect(page.get_by_role("link", name="Park Min")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/oauth2/end_session?**")
    page.goto(f"{shown.address}/studies")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_key_that_is_moved_acts_and_stands_in_the_help_for_this_person_only(shown: Site) -> None:
    page = gone_to(shown, "/me", "mori")
    page.get_by_label("Key for: Invert").press("y")
    page.goto(f"{shown.address}/help")
    expect(page.get_by_role("row", name="Invert")).to_contain_text("Y")
    page.goto(f"{shown.address}/")
    page.locator("html[data-ready]").wait_for()
    page.locator("#accept:enabled").wait_for()
    page.keyboard.press("y")
    expect(page.locator("#tool-invert")).to_have_attribute("aria-pressed", "true")
    other = shown.person("silva")
    other.goto(f"{shown.address}/help")
    expect(other.get_by_role("row", name="Invert")).to_contain_text("I")


def test_the_dimmer_of_ones_own_page_dims_the_reading_page(shown: Site) -> None:
    page = gone_to(shown, "/me", "mori")
    page.get_by_label("Brightness").fill("60")
    page.goto(f"{shown.address}/")
    page.locator("html[data-ready]").wait_for()
    assert page.locator("header").evaluate("e => getComputedStyle(e).filter") == "brightness(0.6)"


def test_the_display_test_draws_the_very_greys_it_names(shown: Site) -> None:
    page = gone_to(shown, "/display-test")
    page.locator("html[data-ready]").wait_for()
    assert set(greys(page)) >= {15 * number for number in range(18)} | {13, 242}
    page.get_by_role("button", name="Steps").click()
    assert greys(page) == [15 * number for number in range(18)]
    page.get_by_role("button", name="Ramp").click()
    assert greys(page) == list(range(256))
    page.get_by_role("button", name="Lines").click()
    assert greys(page) == [0, 128, 255]
    page.get_by_role("button", name="Low contrast").click()
    grounds = [8 + 16 * number for number in range(16)]
    assert set(greys(page)) >= {grey + sign for grey in grounds for sign in (-3, 0, 3)}
    page.get_by_label("Level").fill("90")
    assert greys(page) == [90]
    expect(page.locator("#look-for")).to_contain_text("One grey")


def greys(page: Page) -> list[int]:
    """The greys of the pattern, in order; fails on any colour."""
    found: list[int] = page.locator("#pattern").evaluate(
        """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const found = new Set();
            for (let at = 0; at < data.length; at += 4) {
                if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) found.add(-1);
                found.add(data[at]);
            }
            return [...found].sort((one, other) => one - other);
        }"""
    )
    return found
