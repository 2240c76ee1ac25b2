"""Accounts, sessions, tokens and the audit trail, on both databases."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from archive.account_records import AuditEntry, OidcAttempt, Role, Scope
from archive.database import Archive, make_engine
from archive.errors import AlreadyThere, AuditBroken, NotFound
from tests.builders.people import a_new_user, a_radiologist

IDLE_SECONDS, LONGEST_SECONDS = 1800.0, 43200.0


def session_of(archive: Archive, secret_digest: str) -> object:
    return archive.repository.session_user(
        secret_digest, idle_seconds=IDLE_SECONDS, longest_seconds=LONGEST_SECONDS
    )


def test_a_login_is_taken_whatever_its_case(any_archive: Archive) -> None:
    any_archive.repository.add_user(a_new_user("Ito"))
    with pytest.raises(AlreadyThere):
        any_archive.repository.add_user(a_new_user("iTO"))
    assert any_archive.repository.user_with_password("ITO") is not None


def test_the_first_account_is_made_once_with_the_offered_secret(any_archive: Archive) -> None:
    repository = any_archive.repository
    assert repository.offer_setup("a" * 64)
    assert repository.offer_setup("b" * 64)
    assert not repository.is_setup_offered("a" * 64)
    assert repository.is_setup_offered("b" * 64)
    with pytest.raises(NotFound):
        repository.use_setup("a" * 64, a_new_user("eve", Role.ADMIN))
    user = repository.use_setup("b" * 64, a_new_user("ann", Role.ADMIN))
    assert user.roles == {Role.ADMIN}
    with pytest.raises(NotFound):
        repository.use_setup("b" * 64, a_new_user("eve", Role.ADMIN))
    assert not repository.offer_setup("c" * 64)


def test_a_session_ends_by_idleness_age_closing_and_deactivation(any_archive: Archive) -> None:
    repository = any_archive.repository
    user = a_radiologist(any_archive)

    def open_and_look(
        idle_seconds: float = IDLE_SECONDS, longest_seconds: float = LONGEST_SECONDS
    ) -> object:
        repository.open_session(user.user_id, "d" * 64)
        found = repository.session_user(
            "d" * 64, idle_seconds=idle_seconds, longest_seconds=longest_seconds
        )
        repository.close_session("d" * 64)
        return found

    assert open_and_look() is not None
    assert open_and_look(idle_seconds=0) is None
    assert open_and_look(longest_seconds=0) is None
    assert session_of(any_archive, "d" * 64) is None
    repository.open_session(user.user_id, "e" * 64)
    repository.change_user(user.user_id, {"is_active": False})
    assert session_of(any_archive, "e" * 64) is None
    assert repository.user_with_password("ito") is None


def test_another_password_closes_every_session(any_archive: Archive) -> None:
    user = a_radiologist(any_archive)
    any_archive.repository.open_session(user.user_id, "d" * 64)
    any_archive.repository.change_user(user.user_id, {"password_hash": "new"})
    assert session_of(any_archive, "d" * 64) is None


def test_a_token_is_good_until_it_is_revoked_or_too_old(any_archive: Archive) -> None:
    repository = any_archive.repository
    for token_id, life in (("good", 60.0), ("old", -1.0)):
        repository.add_token(
            token_id=token_id,
            secret_digest="f" * 64,
            name="script",
            scopes=frozenset({Scope.PREDICT}),
            created_by="ann",
            life_seconds=life,
        )
    assert repository.token("old") is None
    found = repository.token("good")
    assert found is not None
    assert found.token.scopes == {Scope.PREDICT}
    assert found.owner_roles is None
    repository.revoke_token("good")
    assert repository.token("good") is None
    assert {token.token_id for token in repository.tokens()} == {"good", "old"}


def test_a_persons_token_ends_with_the_account_and_follows_its_roles(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    user, other = a_radiologist(any_archive), a_radiologist(any_archive, "lee")
    repository.add_token(
        token_id="own",  # noqa: S106
        secret_digest="f" * 64,
        name="script",
        scopes=frozenset({Scope.READ}),
        created_by="ito",
        life_seconds=60,
        user_id=user.user_id,
    )
    found = repository.token("own")
    assert found is not None
    assert found.owner_roles == frozenset({Role.RADIOLOGIST})
    assert [token.token_id for token in repository.tokens(user.user_id)] == ["own"]
    assert repository.tokens(other.user_id) == ()
    with pytest.raises(NotFound):
        repository.revoke_token("own", user_id=other.user_id)
    repository.change_user(user.user_id, {"is_active": False})
    assert repository.token("own") is None


def test_a_password_is_chosen_once_by_the_newest_link(any_archive: Archive) -> None:
    repository = any_archive.repository
    user = a_radiologist(any_archive)
    repository.open_session(user.user_id, "d" * 64)
    repository.offer_password(user.user_id, "a" * 64)
    repository.offer_password(user.user_id, "b" * 64)
    assert repository.user(user.user_id).has_password_link
    with pytest.raises(NotFound):
        repository.user_of_password_link("a" * 64)
    assert repository.user_of_password_link("b" * 64).login == "ito"
    assert repository.use_password_link("b" * 64, "hash").has_password
    assert session_of(any_archive, "d" * 64) is None
    with pytest.raises(NotFound):
        repository.use_password_link("b" * 64, "other")
    assert not repository.user_of_login("ITO").has_password_link


def test_no_link_leads_into_a_closed_account(any_archive: Archive) -> None:
    repository = any_archive.repository
    user = a_radiologist(any_archive)
    repository.offer_password(user.user_id, "a" * 64)
    repository.change_user(user.user_id, {"is_active": False})
    with pytest.raises(NotFound):
        repository.use_password_link("a" * 64, "hash")
    with pytest.raises(NotFound):
        repository.offer_password(user.user_id, "b" * 64)
    with pytest.raises(NotFound):
        repository.user(user.user_id + 1)


def test_a_person_ends_one_session_or_all_others(any_archive: Archive) -> None:
    repository = any_archive.repository
    user, other = a_radiologist(any_archive), a_radiologist(any_archive, "lee")
    for letter in "abc":
        repository.open_session(user.user_id, letter * 64, address="10.0.0.7", browser="Fire")
    repository.open_session(other.user_id, "d" * 64)
    assert len(repository.sessions_of(user.user_id)) == 3
    assert {one.address for one in repository.sessions_of(user.user_id)} == {"10.0.0.7"}
    assert repository.close_sessions_of(user.user_id, only="d" * 16) == 0
    assert repository.close_sessions_of(user.user_id, only="b" * 16) == 1
    assert repository.close_sessions_of(user.user_id, but="a" * 16) == 1
    assert [one.session_id for one in repository.sessions_of(user.user_id)] == ["a" * 16]
    assert len(repository.sessions_of(other.user_id)) == 1


def test_closing_a_session_tells_what_the_provider_said(any_archive: Archive) -> None:
    user = a_radiologist(any_archive)
    any_archive.repository.open_session(user.user_id, "d" * 64, id_token="said")  # noqa: S106
    assert any_archive.repository.close_session("d" * 64) == "said"
    assert any_archive.repository.close_session("d" * 64) is None


def test_a_sign_in_at_the_provider_comes_back_once(any_archive: Archive) -> None:
    attempt = OidcAttempt(code_verifier="verifier", nonce="nonce", target="/ops")
    any_archive.repository.begin_oidc("s" * 64, attempt)
    assert any_archive.repository.end_oidc("s" * 64) == attempt
    with pytest.raises(NotFound):
        any_archive.repository.end_oidc("s" * 64)


def test_the_audit_trail_is_chained_under_many_writers(any_archive: Archive) -> None:
    def write(number: int) -> None:
        for line in range(10):
            any_archive.repository.record_audit(
                AuditEntry(actor=f"user{number}", action="SIGN_IN", details={"line": line})
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any_archive.repository.verify_audit() == 40
    [newest] = any_archive.repository.audit_events(limit=1)
    assert newest.event_id == 40
    assert len(any_archive.repository.audit_events(limit=99, actor="user2")) == 10


@pytest.mark.parametrize(
    "change", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"]
)
def test_the_database_refuses_to_change_the_audit_trail(
    any_archive: Archive, database_url: str, change: str
) -> None:
    any_archive.repository.record_audit(AuditEntry(actor="ito", action="SIGN_IN"))
    engine = make_engine(database_url)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))
    engine.dispose()


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE audit_events SET actor = 'eve' WHERE event_id = 2", "line 2 was changed"),
        ("DELETE FROM audit_events WHERE event_id = 2", "line 2 is missing"),
        (
            "UPDATE audit_events SET previous_digest = digest WHERE event_id = 3",
            "line 3 was changed",
        ),
    ],
)
def test_a_tampered_audit_trail_is_found_out(
    archive: Archive, tmp_path: object, tampering: str, words: str
) -> None:
    for line in range(3):
        archive.repository.record_audit(AuditEntry(actor=f"user{line}", action="SIGN_IN"))
    engine = make_engine(f"sqlite:///{tmp_path}/hilum.db")
    with engine.begin() as connection:
        for trigger in ("audit_events_no_update", "audit_events_no_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text(tampering))
    engine.dispose()
    with pytest.raises(AuditBroken, match=words):
        archive.repository.verify_audit()
