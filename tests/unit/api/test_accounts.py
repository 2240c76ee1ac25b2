"""Setting up, signing in and out, accounts, tokens and the audit trail over HTTP."""

import pytest
from fastapi.testclient import TestClient

from api.auth.accounts import add_user, offer_setup_link
from archive.account_records import Role, Scope
from archive.database import Archive
from tests.web import a_client, a_stranger, token_of, web_settings

PASSWORD = "correct horse battery"  # noqa: S105


def account(archive: Archive, login: str = "ito", **options: object) -> None:
    add_user(
        archive,
        login=login,
        person_name="Ito^Ken",
        roles=frozenset({Role.RADIOLOGIST}),
        password=PASSWORD,
        **options,  # type: ignore[arg-type]
    )


def sign_in(client: TestClient, password: str = PASSWORD, login: str = "ito") -> object:
    return client.post("/api/v1/session", json={"login": login, "password": password})


def test_the_first_account_is_made_on_the_offered_page_and_signed_in(archive: Archive) -> None:
    settings = web_settings()
    link = offer_setup_link(archive, settings.api)
    assert link is not None
    assert link.startswith("http://127.0.0.1:8000/setup?key=")
    client = a_stranger(archive, settings)
    address = link.removeprefix("http://127.0.0.1:8000")
    assert client.get(address).status_code == 200
    form = {"key": link.partition("key=")[2], "login": "Ann", "person_name": "Lee^Ann"}
    refused = client.post("/setup", data=form | {"password": "short"})
    assert refused.status_code == 422
    assert "at least 12 characters" in refused.text
    done = client.post("/setup", data=form | {"password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert client.get("/api/v1/session").json()["roles"] == ["admin", "ml", "radiologist"]
    assert client.get(address).status_code == 404
    assert client.post("/setup", data=form | {"password": PASSWORD}).status_code == 404
    assert offer_setup_link(archive, settings.api) is None


def test_a_cookie_opens_until_it_is_signed_out_and_then_is_worth_nothing(
    archive: Archive,
) -> None:
    account(archive)
    client = a_stranger(archive)
    response = sign_in(client)
    assert response.status_code == 200  # type: ignore[attr-defined]
    assert response.json() == {  # type: ignore[attr-defined]
        "login": "ito",
        "person_name": "Ito^Ken",
        "organisation": "",
        "roles": ["radiologist"],
        "may_review": True,
    }
    stolen = client.cookies["hilum"]
    assert client.delete("/api/v1/session").status_code == 204
    client.cookies.set("hilum", stolen)
    assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize(
    ("scheme", "cookie", "words"),
    [
        ("http", "hilum=", ["HttpOnly", "Path=/", "SameSite=strict"]),
        ("https", "__Host-hilum=", ["HttpOnly", "Path=/", "SameSite=strict", "Secure"]),
    ],
)
def test_the_session_cookie_is_bound_as_tightly_as_the_connection_allows(
    archive: Archive, scheme: str, cookie: str, words: list[str]
) -> None:
    account(archive)
    client = a_stranger(archive)
    client.base_url = f"{scheme}://testserver"
    client.headers["origin"] = f"{scheme}://testserver"
    set_cookie = sign_in(client).headers["set-cookie"]  # type: ignore[attr-defined]
    assert set_cookie.startswith(cookie)
    for word in words:
        assert word in set_cookie
    assert "Domain" not in set_cookie
    assert ("Secure" in set_cookie) == (scheme == "https")


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(archive: Archive) -> None:
    account(archive)
    client = a_stranger(archive)
    answers = []
    for login in ("ito", "nobody"):
        problem = sign_in(client, "wrong password here", login).json()  # type: ignore[attr-defined]
        answers.append({name: problem[name] for name in ("status", "code", "detail")})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "sign_in_refused"


def test_too_many_tries_are_429_also_with_the_right_password(archive: Archive) -> None:
    account(archive)
    client = a_stranger(archive)
    for _ in range(5):
        sign_in(client, "wrong password here")
    response = sign_in(client)
    assert response.status_code == 429  # type: ignore[attr-defined]
    assert 0 < int(response.headers["retry-after"]) <= 60  # type: ignore[attr-defined]


def test_the_form_signs_in_and_goes_on_to_a_page_of_ours_only(archive: Archive) -> None:
    account(archive)
    form = {"login": "ito", "password": PASSWORD}
    for target, place in (
        ("/ops", "/ops"),
        ("//evil.example/x", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
    ):
        client = a_stranger(archive)
        response = client.post("/sign-in", data=form | {"next": target})
        assert (response.status_code, response.headers["location"]) == (303, place)
    refused = a_stranger(archive).post("/sign-in", data=form | {"password": "x"})
    assert refused.status_code == 401
    assert "login or password is wrong" in refused.text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://testserver"},
        {"origin": "http://testserver:81"},
    ],
)
def test_another_site_cannot_make_the_browser_act(
    archive: Archive, headers: dict[str, str]
) -> None:
    client = a_client(archive)
    for path in ("/api/v1/session", "/sign-out"):
        method = "DELETE" if "api" in path else "POST"
        response = client.request(method, path, headers=headers)
        assert response.status_code == 403
        assert response.json()["code"] == "cross_site"
    assert client.get("/api/v1/session").status_code == 200


def test_a_cookie_without_any_word_of_its_origin_changes_nothing(archive: Archive) -> None:
    client = a_client(archive)
    del client.headers["origin"]
    assert client.delete("/api/v1/session").json()["code"] == "cross_site"


def test_a_token_needs_no_origin(archive: Archive) -> None:
    client = a_stranger(archive)
    del client.headers["origin"]
    headers = {"authorization": f"Bearer {token_of(archive, Scope.OPERATE)}"}
    assert client.post("/api/v1/deliveries/7/replay", headers=headers).status_code == 404


def test_an_administrator_makes_changes_and_closes_accounts(archive: Archive) -> None:
    admin = a_client(archive)
    new = {
        "login": "Ito",
        "person_name": "Ito^Ken",
        "roles": ["radiologist"],
        "password": PASSWORD,
    }
    made = admin.post("/api/v1/users", json=new)
    assert made.status_code == 201
    assert made.json()["login"] == "ito"
    assert admin.post("/api/v1/users", json=new).json()["code"] == "name_taken"
    person = a_stranger(archive)
    assert sign_in(person).status_code == 200  # type: ignore[attr-defined]
    address = f"/api/v1/users/{made.json()['user_id']}"
    assert admin.patch(address, json={"is_active": False}).json()["is_active"] is False
    assert person.get("/api/v1/session").status_code == 401
    assert sign_in(person).status_code == 401  # type: ignore[attr-defined]
    assert admin.patch("/api/v1/users/999", json={}).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "a b"),
        ("person_name", "Ito=Ken"),
        ("person_name", "^"),
        ("password", "short"),
        ("password", "aaaaaaaaaaaaaaaaaaaa"),
        ("password", "my login is ito!"),
        ("roles", []),
        ("roles", ["king"]),
        ("surprise", 1),
    ],
)
def test_what_an_account_may_not_be_is_named(archive: Archive, field: str, value: object) -> None:
    new = {
        "login": "ito",
        "person_name": "Ito^Ken",
        "roles": ["radiologist"],
        "password": PASSWORD,
    }
    response = a_client(archive).post("/api/v1/users", json=new | {field: value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"].startswith(f"body.{field}")
    assert PASSWORD not in response.text


@pytest.mark.parametrize("changes", [{"is_active": False}, {"roles": ["ml"]}])
def test_the_last_administrator_cannot_lock_everybody_out(
    archive: Archive, changes: dict[str, object]
) -> None:
    admin = a_client(archive)
    [user] = admin.get("/api/v1/users").json()["users"]
    response = admin.patch(f"/api/v1/users/{user['user_id']}", json=changes)
    assert response.status_code == 409
    assert response.json()["code"] == "last_administrator"


def test_a_token_is_shown_once_and_can_be_ended(archive: Archive) -> None:
    admin = a_client(archive)
    body = {"name": "export", "scopes": ["read"], "days": 30}
    made = admin.post("/api/v1/tokens", json=body).json()
    headers = {"authorization": f"Bearer {made['text']}"}
    stranger = a_stranger(archive)
    assert stranger.get("/api/v1/studies", headers=headers).status_code == 200
    listed = admin.get("/api/v1/tokens")
    assert made["text"].split("_", 2)[2] not in listed.text
    assert admin.delete(f"/api/v1/tokens/{made['token_id']}").json()["revoked_at"] is not None
    assert stranger.get("/api/v1/studies", headers=headers).status_code == 401


def test_what_is_done_stands_in_the_audit_trail_and_the_trail_is_whole(archive: Archive) -> None:
    account(archive)
    person = a_stranger(archive)
    sign_in(person, "wrong password here")
    sign_in(person)
    admin = a_client(archive)
    admin.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"], "days": 1})
    person.delete("/api/v1/session")
    events = admin.get("/api/v1/audit").json()["events"]
    assert [(event["actor"], event["action"], event["outcome"]) for event in events] == [
        ("ito", "SIGN_OUT", "success"),
        ("ann", "TOKEN_ADDED", "success"),
        ("ito", "SIGN_IN", "success"),
        ("ito", "SIGN_IN", "refused"),
    ]
    assert events[0]["address"] == "testclient"
    assert PASSWORD not in str(events)
    page = admin.get("/api/v1/audit?limit=3")
    # The first look has left a line of its own.
    assert page.json()["next_before"] == events[1]["event_id"]
    assert 'rel="next"' in page.headers["link"]
    assert admin.get("/api/v1/audit/check").json() == {
        "is_whole": True,
        "line_count": 6,
        "detail": "every digest fits",
    }
