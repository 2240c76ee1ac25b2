"""Accounts, sessions, tokens and the audit trail, on both databases."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from archive.account_records import AuditEntry, Role, Scope
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
    assert found[0].scopes == {Scope.PREDICT}
    repository.revoke_token("good")
    assert repository.token("good") is None
    assert {token.token_id for token in repository.tokens()} == {"good", "old"}


def test_a_sign_in_at_the_provider_comes_back_once(any_archive: Archive) -> None:
    any_archive.repository.begin_oidc("s" * 64, code_verifier="verifier", nonce="nonce")
    assert any_archive.repository.end_oidc("s" * 64) == ("verifier", "nonce")
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
