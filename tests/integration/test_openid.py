"""Signing in and out through a real OpenID provider, asked over real HTTP."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from fastapi.testclient import TestClient

from archive.account_records import Role
from archive.database import Archive
from config.settings import SettingsInvalid, load_settings
from tests.openid import Provider, openid_provider
from tests.processes import free_port
from tests.web import a_client, a_stranger, web_settings

# The provider uses a part of Authlib that Authlib will take away.
pytestmark = pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with openid_provider(tmp_path_factory.mktemp("provider")) as running:
        running.add(
            "s-ito",
            preferred_username="Ito",
            family_name="Ito",
            given_name="Ken",
            groups=["chest-readers", "everybody"],
        )
        yield running


def a_browser(archive: Archive, provider: Provider, **changes: object) -> TestClient:
    return a_stranger(archive, web_settings(oidc=provider.settings(**changes)))


def sent_away(browser: TestClient, target: str = "/studies") -> str:
    """Where the browser is sent to sign in."""
    response = browser.get("/sign-in/provider", params={"next": target})
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def sent_back(address: str, subject: str = "s-ito") -> str:
    """Where the provider sends the browser once a person has said who they are."""
    response = httpx.post(address, data={"sub": subject})
    assert response.status_code == 302, response.text
    back = urlsplit(response.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == "http://127.0.0.1:8000"
    return f"{back.path}?{back.query}"


def signed_in(browser: TestClient, subject: str = "s-ito") -> httpx2.Response:
    return browser.get(sent_back(sent_away(browser), subject))


def test_a_person_signs_in_with_pkce_and_gets_the_roles_of_their_groups(
    archive: Archive, provider: Provider
) -> None:
    browser = a_browser(archive, provider)
    assert "Sign in with the hospital" in browser.get("/sign-in").text
    response = signed_in(browser)
    assert response.status_code == 200
    # A page of ours leads on: a redirect would carry the other site's origin.
    assert 'content="0; url=/studies"' in response.text
    session = browser.get("/api/v1/session").json()
    assert session["login"] == "ito"
    assert session["person_name"] == "Ito^Ken"
    assert session["roles"] == ["radiologist"]
    assert session["may_review"] is True
    asked, told = provider.last("/oauth2/authorize"), provider.last("/oauth2/token")
    assert asked["code_challenge_method"] == "S256"
    challenge = urlsafe_b64encode(sha256(told["code_verifier"].encode()).digest())
    assert asked["code_challenge"] == challenge.rstrip(b"=").decode()
    assert len(asked["nonce"]) >= 32
    [event, *_] = archive.repository.audit_events(limit=1, action="SIGN_IN")
    assert (event.entry.actor, event.entry.outcome) == ("ito", "success")
    assert event.entry.details["by"] == "provider"


def test_the_same_person_keeps_the_account_and_follows_the_provider(
    archive: Archive, provider: Provider
) -> None:
    claims = {"preferred_username": "lee", "family_name": "Lee", "given_name": "Ann"}
    provider.add("s-lee", **claims, groups=["chest-readers"])
    browser = a_browser(archive, provider)
    signed_in(browser, "s-lee")
    provider.add("s-lee", **claims | {"family_name": "Park"}, groups=["pacs-team"])
    again = a_browser(archive, provider)
    signed_in(again, "s-lee")
    # Other roles end the sessions that had the old ones.
    assert browser.get("/api/v1/session").status_code == 401
    session = again.get("/api/v1/session").json()
    assert (session["person_name"], session["roles"]) == ("Park^Ann", ["admin"])
    [user] = archive.repository.users()
    assert user.has_provider
    assert not user.has_password
    provider.add("s-lee", **claims, groups=[])
    refused = signed_in(a_browser(archive, provider), "s-lee")
    assert refused.status_code == 403
    assert again.get("/api/v1/session").status_code == 401
    assert archive.repository.user(user.user_id).roles == frozenset()


@pytest.mark.parametrize("groups", [None, [], ["everybody"], "everybody", {"chest-readers": True}])
def test_who_has_no_mapped_role_gets_no_account(
    archive: Archive, provider: Provider, groups: object
) -> None:
    provider.add("s-none", preferred_username="poe", family_name="Poe", groups=groups)
    browser = a_browser(archive, provider)
    response = signed_in(browser, "s-none")
    assert response.status_code == 403
    assert "no role here" in response.text
    assert browser.get("/api/v1/session").status_code == 401
    assert archive.repository.users() == ()
    [event] = archive.repository.audit_events(limit=9, action="SIGN_IN")
    assert event.entry.outcome == "refused"


def test_roles_are_found_in_nested_claims(archive: Archive, provider: Provider) -> None:
    provider.add(
        "s-key",
        preferred_username="kim",
        name="Kim Lee",
        realm_access={"roles": ["data-science", "pacs-team"]},
    )
    browser = a_browser(archive, provider, roles_claim="realm_access.roles")
    signed_in(browser, "s-key")
    session = browser.get("/api/v1/session").json()
    assert session["roles"] == ["admin", "ml"]
    assert session["person_name"] == "Kim Lee"


def test_an_account_of_that_login_is_never_taken_over(archive: Archive, provider: Provider) -> None:
    a_client(archive, login="ito", roles=[Role.ADMIN])
    browser = a_browser(archive, provider)
    signed_in(browser)
    session = browser.get("/api/v1/session").json()
    assert session["login"] == "ito@localhost"
    assert session["roles"] == ["radiologist"]


def test_a_closed_account_stays_closed(archive: Archive, provider: Provider) -> None:
    signed_in(a_browser(archive, provider))
    [user] = archive.repository.users()
    archive.repository.change_user(user.user_id, {"is_active": False})
    response = signed_in(a_browser(archive, provider))
    assert response.status_code == 403
    assert "closed" in response.text


def test_a_person_without_a_name_cannot_sign_and_gets_no_account(
    archive: Archive, provider: Provider
) -> None:
    provider.add("s-anon", preferred_username="x", family_name="^=\\", groups=["chest-readers"])
    assert signed_in(a_browser(archive, provider), "s-anon").status_code == 403
    assert archive.repository.users() == ()


def test_an_answer_is_taken_once_and_only_in_the_browser_that_asked(
    archive: Archive, provider: Provider
) -> None:
    browser = a_browser(archive, provider)
    back = sent_back(sent_away(browser))
    stranger = a_browser(archive, provider)
    refused = stranger.get(back)
    assert refused.status_code == 401
    assert "not begun in this browser" in refused.text
    assert browser.get(back).status_code == 200
    browser.cookies.set("hilum-provider", parse_qs(urlsplit(back).query)["state"][0])
    assert browser.get(back).status_code == 401
    assert browser.get("/sign-in/return").status_code == 401


def test_an_answer_to_another_question_is_refused(archive: Archive, provider: Provider) -> None:
    browser = a_browser(archive, provider)
    address = sent_away(browser)
    forged = address.replace("nonce=", "nonce=x")
    response = browser.get(sent_back(forged))
    assert response.status_code == 401
    assert "not completed" in response.text
    other = browser.get(sent_back(sent_away(browser)) + "&iss=https%3A%2F%2Fevil.example")
    assert other.status_code == 401
    assert archive.repository.users() == ()
    events = archive.repository.audit_events(limit=9, action="SIGN_IN")
    assert [event.entry.outcome for event in events] == ["refused", "refused"]


def test_who_gives_up_at_the_provider_is_shown_the_form_again(
    archive: Archive, provider: Provider
) -> None:
    browser = a_browser(archive, provider)
    denied = httpx.post(sent_away(browser), data={"action": "deny"}).headers["location"]
    state = parse_qs(urlsplit(sent_away(browser)).query)["state"][0]
    assert "error=access_denied" in denied
    response = browser.get(f"/sign-in/return?error=access_denied&state={state}")
    assert response.status_code == 401
    assert 'name="password"' in response.text


def test_signing_out_ends_both_sessions(archive: Archive, provider: Provider) -> None:
    browser = a_browser(archive, provider)
    signed_in(browser)
    page = browser.post("/sign-out")
    assert page.status_code == 200
    assert browser.get("/api/v1/session").status_code == 401
    address = page.text.partition('content="0; url=')[2].partition('"')[0].replace("&amp;", "&")
    assert address.startswith(f"{provider.issuer}/oauth2/end_session?")
    query = parse_qs(urlsplit(address).query)
    assert query["client_id"] == ["hilum"]
    assert query["post_logout_redirect_uri"] == ["http://127.0.0.1:8000/sign-in"]
    assert query["id_token_hint"][0].count(".") == 2
    assert httpx.get(address).status_code == 200


def test_who_signed_in_with_a_password_is_signed_out_here_only(
    archive: Archive, provider: Provider
) -> None:
    browser = a_client(archive, web_settings(oidc=provider.settings()))
    response = browser.post("/sign-out")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")


def test_while_the_provider_is_silent_passwords_work_and_signing_out_too(
    archive: Archive, provider: Provider
) -> None:
    silent = {"issuer": f"http://localhost:{free_port()}"}
    browser = a_client(archive, web_settings(oidc=provider.settings(**silent)))
    response = browser.get("/sign-in/provider")
    assert response.status_code == 503
    assert "does not answer" in response.text
    assert 'name="password"' in response.text
    assert browser.post("/sign-out").status_code == 303


def test_a_provider_that_calls_itself_otherwise_is_not_believed(
    archive: Archive, provider: Provider
) -> None:
    other = provider.issuer.replace("localhost", "127.0.0.1") + "/"
    browser = a_browser(archive, provider, issuer=other)
    assert browser.get("/sign-in/provider").status_code == 503


def test_a_secret_that_cannot_be_read_stops_the_start(
    archive: Archive, provider: Provider, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="secret"):
        a_browser(archive, provider, client_secret_file=tmp_path / "secret")


def test_a_client_that_the_provider_refuses_signs_nobody_in(
    archive: Archive, provider: Provider
) -> None:
    # Without the secret the provider refuses its own code, and nobody is signed in.
    response = signed_in(a_browser(archive, provider, client_secret_file=None))
    assert response.status_code == 401
    assert archive.repository.users() == ()


def test_without_a_provider_there_is_no_button_and_no_way_there(archive: Archive) -> None:
    browser = a_stranger(archive)
    assert "/sign-in/provider" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/provider").status_code == 404
    assert browser.get("/sign-in/return").status_code == 404


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{issuer: 'http://login.hospital.example', client_id: h, roles: {ml: [a]}}", "https"),
        ("{issuer: 'https://login.hospital.example', roles: {ml: [a]}}", "client_id"),
        ("{issuer: 'https://login.hospital.example', client_id: h}", "roles"),
        ("{issuer: 'https://l.example', client_id: h, roles: {king: [a]}}", "king"),
        ("{issuer: 'https://l.example', client_id: h, scopes: [], roles: {ml: [a]}}", "openid"),
    ],
)
def test_half_a_provider_stops_the_start(tmp_path: Path, section: str, words: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(f"oidc: {section}\n")
    with pytest.raises(SettingsInvalid, match=words):
        load_settings(file)
