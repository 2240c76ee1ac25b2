"""The administrators' pages: accounts and their links, tokens, the audit trail."""

import json
import re

import pytest
from fastapi.testclient import TestClient

from api.auth.accounts import add_user
from archive.account_records import AuditEntry, NewUser, Role, Scope, User
from archive.database import Archive
from archive.repository.auditing import FIRST_DIGEST
from tests.builders.people import a_new_user
from tests.web import a_client, a_stranger, web_settings

PASSWORD = "correct horse battery"  # noqa: S105
NEW = {"login": "Ito", "person_name": "Ito^Ken", "organisation": "North", "roles": "radiologist"}


def an_account(archive: Archive, login: str = "ito", **changes: object) -> User:
    values = {"login": login, "person_name": "Ito^Ken", "roles": frozenset({Role.RADIOLOGIST})}
    return add_user(archive, **(values | {"password": PASSWORD} | changes))  # type: ignore[arg-type]


def link_in(text: str) -> str:
    """The path of the link that a page shows."""
    [address] = re.findall(r"http://127\.0\.0\.1:8000(/set-password\?key=[\w-]+)", text)
    return str(address)


def choose(browser: TestClient, address: str, password: str) -> object:
    key = address.partition("key=")[2]
    return browser.post("/set-password", data={"key": key, "password": password})


def test_a_new_person_chooses_the_password_by_the_link_that_is_shown_once(
    archive: Archive,
) -> None:
    admin = a_client(archive)
    shown = admin.post("/admin/users", data=NEW)
    assert shown.status_code == 200
    address = link_in(shown.text)
    assert "link is open" in admin.get("/admin").text
    assert address not in admin.get("/admin").text
    person = a_stranger(archive)
    assert "For the account ito of Ito Ken" in person.get(address).text
    weak = choose(person, address, "my login is ito")
    assert weak.status_code == 422  # type: ignore[attr-defined]
    assert "does not contain the login" in weak.text  # type: ignore[attr-defined]
    done = choose(person, address, PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/")  # type: ignore[attr-defined]
    assert person.get("/api/v1/session").json()["login"] == "ito"
    assert person.get(address).status_code == 404
    assert choose(person, address, PASSWORD).status_code == 404  # type: ignore[attr-defined]
    credentials = {"login": "ito", "password": PASSWORD}
    assert a_stranger(archive).post("/api/v1/session", json=credentials).status_code == 200


def test_without_a_password_nobody_signs_in(archive: Archive) -> None:
    a_client(archive).post("/admin/users", data=NEW)
    response = a_stranger(archive).post("/api/v1/session", json={"login": "ito", "password": ""})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"login": "a b"}, 422, "letters, digits"),
        ({"person_name": "Ito=Ken"}, 422, "Family^Given"),
        ({"roles": []}, 422, "at least one role"),
        ({"login": "ann"}, 409, "taken"),
    ],
)
def test_what_an_account_may_not_be_is_said_on_the_page_and_what_was_typed_is_kept(
    archive: Archive, changes: dict[str, object], status: int, words: str
) -> None:
    response = a_client(archive).post("/admin/users", data=NEW | changes)
    assert response.status_code == status
    assert words in response.text
    assert 'value="North"' in response.text
    assert len(archive.repository.users()) == 1


def test_an_account_is_changed_closed_and_opened_again(archive: Archive) -> None:
    user = an_account(archive)
    address = f"/admin/users/{user.user_id}"
    admin = a_client(archive)
    person = a_client(archive, login="ito")
    changes = {"person_name": "Ito^Keiko", "organisation": "", "roles": ["radiologist", "ml"]}
    assert admin.post(address, data=changes).status_code == 303
    changed = archive.repository.user(user.user_id)
    assert changed.person_name == "Ito^Keiko"
    assert changed.roles == frozenset({Role.RADIOLOGIST, Role.ML})
    assert admin.post(f"{address}/close").status_code == 303
    assert person.get("/api/v1/session").status_code == 401
    assert "This account is closed" in admin.get(address).text
    assert admin.post(f"{address}/link").status_code == 404
    assert admin.post(f"{address}/open").status_code == 303
    assert archive.repository.user(user.user_id).is_active
    assert admin.get("/admin/users/999").status_code == 404


def test_an_administrator_signs_a_person_out_everywhere(archive: Archive) -> None:
    user = an_account(archive)
    people = [a_client(archive, login="ito") for _ in range(2)]
    admin = a_client(archive)
    assert admin.post(f"/admin/users/{user.user_id}/sign-out").status_code == 303
    assert {person.get("/api/v1/session").status_code for person in people} == {401}
    assert admin.delete(f"/api/v1/users/{user.user_id}/sessions").status_code == 204


def test_the_last_administrator_is_told_so_on_the_page(archive: Archive) -> None:
    admin = a_client(archive)
    [user] = archive.repository.users()
    response = admin.post(f"/admin/users/{user.user_id}/close")
    assert response.status_code == 409
    assert "at least one active administrator stays" in response.text


def test_a_new_link_ends_the_sessions_only_once_it_is_used(archive: Archive) -> None:
    user = an_account(archive)
    admin, person = a_client(archive), a_client(archive, login="ito")
    address = link_in(admin.post(f"/admin/users/{user.user_id}/link").text)
    assert person.get("/api/v1/session").status_code == 200
    choose(a_stranger(archive), address, "another horse battery")
    assert person.get("/api/v1/session").status_code == 401


def test_of_an_account_of_the_provider_name_roles_and_password_stay_the_providers(
    archive: Archive,
) -> None:
    user = archive.repository.add_user(
        NewUser(
            login="kim",
            person_name="Kim^Lee",
            roles=frozenset({Role.ML}),
            password_hash=None,
            oidc_subject="https://login.hospital.example 7",
        )
    )
    admin = a_client(archive)
    address = f"/api/v1/users/{user.user_id}"
    for body in ({"roles": ["admin"]}, {"person_name": "X^Y"}, {"password": PASSWORD}):
        assert admin.patch(address, json=body).json()["code"] == "provider_decides"
    assert admin.post(f"{address}/password-link").json()["code"] == "provider_decides"
    page = admin.post(f"/admin/users/{user.user_id}", data={"organisation": "South"})
    assert page.status_code == 303
    kept = archive.repository.user(user.user_id)
    assert (kept.organisation, kept.roles) == ("South", frozenset({Role.ML}))


def test_a_token_is_made_shown_once_used_and_ended_on_the_page(archive: Archive) -> None:
    admin = a_client(archive)
    form = {"name": "nightly export", "scopes": ["read", "export"], "days": "30"}
    made = admin.post("/admin/tokens", data=form)
    [text] = re.findall(r"hilum_[0-9a-f]{10}_[\w-]{43}", made.text)
    headers = {"authorization": f"Bearer {text}"}
    program = a_stranger(archive)
    assert program.get("/api/v1/studies", headers=headers).status_code == 200
    listed = admin.get("/admin/tokens").text
    assert "nightly export" in listed
    assert text not in listed
    assert "never" not in listed.partition("<tbody>")[2].partition("</tbody>")[0]
    [token] = archive.repository.tokens()
    assert token.scopes == {Scope.READ, Scope.EXPORT}
    assert admin.post(f"/admin/tokens/{token.token_id}/end").status_code == 303
    assert program.get("/api/v1/studies", headers=headers).status_code == 401
    refused = admin.post("/admin/tokens", data={"name": " ", "days": "30"})
    assert refused.status_code == 422
    assert "a token has a name" in refused.text


def test_the_audit_trail_is_filtered_and_paged_and_looking_at_it_leaves_a_line(
    archive: Archive,
) -> None:
    for number in range(120):
        archive.repository.record_audit(
            AuditEntry(actor=f"user{number % 2}", action="STUDY_OPENED", study_uid="1.2.3")
        )
    admin = a_client(archive)
    page = admin.get("/admin/audit", params={"actor": "user1", "action": "STUDY_OPENED"}).text
    assert page.count("user1</td>") == 60
    assert "user0</td>" not in page
    first = admin.get("/admin/audit").text
    [older] = re.findall(r'href="(/admin/audit\?before=\d+)"', first)
    assert admin.get(older).text.count("study opened</td>") > 0
    assert archive.repository.audit_events(limit=1)[0].entry.action == "AUDIT_READ"
    assert admin.get("/admin/audit", params={"study_uid": "../x"}).status_code == 422


def test_the_page_says_whether_the_trail_is_whole_and_the_export_proves_it(
    archive: Archive,
) -> None:
    admin = a_client(archive)
    admin.post("/admin/users", data=NEW)
    assert "The trail is whole: 3 lines" in admin.get("/admin/audit?check=yes").text
    response = admin.get("/api/v1/audit/export")
    assert response.headers["content-type"].startswith("application/jsonl")
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["action"] for line in lines][:2] == ["USER_ADDED", "PASSWORD_LINK"]
    previous = [FIRST_DIGEST, *(line["digest"] for line in lines)]
    assert [line["previous_digest"] for line in lines] == previous[:-1]


def test_no_link_and_no_token_stands_in_the_audit_trail(archive: Archive) -> None:
    admin = a_client(archive)
    address = link_in(admin.post("/admin/users", data=NEW).text)
    made = admin.post("/admin/tokens", data={"name": "x", "scopes": "read", "days": "7"}).text
    [text] = re.findall(r"hilum_[0-9a-f]{10}_([\w-]{43})", made)
    exported = admin.get("/api/v1/audit/export").text
    assert address.partition("key=")[2] not in exported
    assert text not in exported


def test_a_browser_is_told_as_a_page_what_a_program_is_told_as_json(archive: Archive) -> None:
    reader = a_client(archive, login="ito", roles=[Role.RADIOLOGIST])
    page = reader.get("/admin", headers={"accept": "text/html,application/xhtml+xml"})
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "does not have the role" in page.text
    assert reader.get("/admin").headers["content-type"] == "application/problem+json"
    lost = reader.get("/nowhere", headers={"accept": "text/html"})
    assert (lost.status_code, "There is nothing here" in lost.text) == (404, True)


def test_a_button_pressed_after_the_session_ended_asks_to_sign_in_and_does_nothing(
    archive: Archive,
) -> None:
    user = archive.repository.add_user(a_new_user("ito", Role.ADMIN))
    stranger = a_stranger(archive)
    response = stranger.post(f"/admin/users/{user.user_id}/close")
    assert response.status_code == 401
    assert 'name="next" value="/admin"' in response.text
    assert archive.repository.user(user.user_id).is_active


def test_the_page_tells_how_people_may_sign_in(archive: Archive) -> None:
    assert "off; the section" in a_client(archive).get("/admin").text
    oidc: dict[str, object] = {
        "issuer": "https://login.hospital.example/realms/imaging",
        "client_id": "hilum",
        "roles": {"radiologist": ["chest-readers"]},
    }
    page = a_client(archive, web_settings(oidc=oidc)).get("/admin").text
    assert "https://login.hospital.example/realms/imaging" in page
    assert "radiologist: chest-readers" in page
