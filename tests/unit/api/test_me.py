"""One's own page: password, sessions, tokens, how one wants to read."""

import re

import pytest
from fastapi.testclient import TestClient

from api.auth.accounts import add_user
from archive.account_records import Role
from archive.database import Archive
from tests.builders.people import a_new_user
from tests.web import a_client, a_stranger, report_study

PASSWORD = "correct horse battery"  # noqa: S105
OTHER = "another horse battery"
STUDY = "/api/v1/studies/1.2.3.1"


def a_person(archive: Archive, *, is_shared: bool = False) -> TestClient:
    """A browser in which `ito` is signed in, who has a password."""
    add_user(
        archive,
        login="ito",
        person_name="Ito^Ken",
        roles=frozenset({Role.RADIOLOGIST}),
        password=PASSWORD,
        is_shared=is_shared,
    )
    return a_client(archive, login="ito")


def test_a_new_password_keeps_this_browser_and_signs_out_the_others(archive: Archive) -> None:
    person = a_person(archive)
    other = a_client(archive, login="ito")
    form = {"current": PASSWORD, "password": OTHER}
    assert person.post("/me/password", data=form).status_code == 303
    assert person.get("/api/v1/session").status_code == 200
    assert other.get("/api/v1/session").status_code == 401
    for password, status in ((PASSWORD, 401), (OTHER, 200)):
        credentials = {"login": "ito", "password": password}
        assert a_stranger(archive).post("/api/v1/session", json=credentials).status_code == status


@pytest.mark.parametrize(
    ("current", "password", "status", "words"),
    [
        ("wrong horse battery", OTHER, 401, "the current password is another"),
        (PASSWORD, "short", 422, "at least 12 characters"),
        (PASSWORD, "ito ito ito abcdef", 422, "does not contain the login"),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    archive: Archive, current: str, password: str, status: int, words: str
) -> None:
    person = a_person(archive)
    response = person.post("/me/password", data={"current": current, "password": password})
    assert response.status_code == status
    assert words in response.text
    credentials = {"login": "ito", "password": PASSWORD}
    assert a_stranger(archive).post("/api/v1/session", json=credentials).status_code == 200


def test_who_sits_down_at_an_open_session_cannot_try_passwords_for_long(archive: Archive) -> None:
    person = a_person(archive)
    form = {"current": "wrong horse battery", "password": OTHER}
    statuses = [person.post("/me/password", data=form).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_a_shared_account_changes_neither_password_nor_makes_tokens(archive: Archive) -> None:
    person = a_person(archive, is_shared=True)
    form = {"current": PASSWORD, "password": OTHER}
    assert person.post("/me/password", data=form).status_code == 409
    token = {"name": "x", "scopes": "read", "days": "7"}
    assert person.post("/me/tokens", data=token).status_code == 409


def test_a_person_sees_their_sessions_and_ends_the_others(archive: Archive) -> None:
    person = a_person(archive)
    others = [a_client(archive, login="ito") for _ in range(3)]
    stranger = a_client(archive, login="lee")
    page = person.get("/me").text
    ids = re.findall(r"/me/sessions/([0-9a-f]{16})/end", page)
    assert len(ids) == 3
    assert "this one" in page
    assert stranger.post(f"/me/sessions/{ids[0]}/end").status_code == 303
    assert all(other.get("/api/v1/session").status_code == 200 for other in others)
    person.post(f"/me/sessions/{ids[0]}/end")
    assert sorted(other.get("/api/v1/session").status_code for other in others) == [200, 200, 401]
    person.post("/me/sessions/others/end")
    assert {other.get("/api/v1/session").status_code for other in others} == {401}
    assert person.get("/api/v1/session").status_code == 200
    assert stranger.get("/api/v1/session").status_code == 200


def test_a_token_of_ones_own_does_not_more_than_its_owner_may_today(archive: Archive) -> None:
    person = a_person(archive)
    for scope in ("operate", "export", "store"):
        refused = person.post("/me/tokens", data={"name": "x", "scopes": scope, "days": "7"})
        assert refused.status_code == 422
        assert "does not do more than its owner may" in refused.text
    made = person.post("/me/tokens", data={"name": "x", "scopes": ["read"], "days": "7"}).text
    [text] = re.findall(r"hilum_[0-9a-f]{10}_[\w-]{43}", made)
    headers = {"authorization": f"Bearer {text}"}
    program = a_stranger(archive)
    assert program.get("/api/v1/studies", headers=headers).status_code == 200
    [token] = archive.repository.tokens()
    assert (
        a_client(archive, login="lee").post(f"/me/tokens/{token.token_id}/end").status_code == 404
    )
    user = archive.repository.user_of_login("ito")
    archive.repository.change_user(user.user_id, {"roles": frozenset()})
    assert program.get("/api/v1/studies", headers=headers).status_code == 403
    archive.repository.change_user(user.user_id, {"is_active": False})
    assert program.get("/api/v1/studies", headers=headers).status_code == 401


def test_who_wants_to_read_blind_first_says_their_own_opinion_first(archive: Archive) -> None:
    report_study(archive)
    person = a_person(archive)
    assert 'data-blind-first="false"' in person.get("/").text
    assert person.post("/me/preferences", data={"is_blind_first": "yes"}).status_code == 303
    assert 'data-blind-first="true"' in person.get("/").text
    headers = {"if-match": person.get(STUDY).headers["etag"]}
    body = {"verdict": "ACCEPT", "image_visible_milliseconds": 900}
    refused = person.post(f"{STUDY}/reviews", json=body, headers=headers)
    assert refused.json()["errors"][0]["location"] == "body.blind_presence"
    said = body | {"blind_presence": "ABSENT"}
    assert person.post(f"{STUDY}/reviews", json=said, headers=headers).status_code == 201
    person.post("/me/preferences", data={})
    assert 'data-blind-first="false"' in person.get("/").text


def test_the_page_offers_what_the_role_may_use(archive: Archive) -> None:
    archive.repository.add_user(a_new_user("adm", Role.ADMIN))
    page = a_client(archive, login="adm").get("/me").text
    assert "need the role radiologist" in page
    assert 'id="key-rows"' not in page
    assert 'value="operate"' in page
    assert 'value="export"' not in page


def test_what_one_does_to_ones_account_stands_in_the_audit_trail(archive: Archive) -> None:
    person = a_person(archive)
    person.post("/me/password", data={"current": PASSWORD, "password": OTHER})
    person.post("/me/preferences", data={"is_blind_first": "yes"})
    person.post("/me/sessions/others/end")
    actions = [event.entry.action for event in archive.repository.audit_events(limit=9)]
    assert actions == ["SESSIONS_ENDED", "PREFERENCES_CHANGED", "PASSWORD_CHANGED"]
