"""Open sessions, and sign-ins on their way through an OpenID provider."""

from datetime import timedelta

from sqlalchemy import delete, func, insert, select, update

from archive.account_records import OidcAttempt, OpenSession, User
from archive.account_tables import oidc_attempts, sessions, users
from archive.errors import NotFound
from archive.repository.accounts import user_of
from archive.repository.transactions import Transactions, database_now

# Looking at a session is written down at most this often, so that reading pages does not write.
SEEN_RESOLUTION = timedelta(seconds=30)
OIDC_ATTEMPT_LIFE = timedelta(minutes=10)
# So many digits of the digest of its secret name a session; they help nobody to find the secret.
SESSION_ID_DIGITS = 16


class SigningInRows(Transactions):
    """Who is signed in."""

    def open_session(
        self,
        user_id: int,
        secret_digest: str,
        *,
        address: str = "",
        browser: str = "",
        id_token: str | None = None,
    ) -> None:
        """Note that a person has signed in with a cookie of this digest.

        Parameters
        ----------
        user_id
            Who.
        secret_digest
            Of the cookie's secret.
        address
            Network address of the browser.
        browser
            What the browser calls itself.
        id_token
            What the OpenID provider said, where it signed the person in.
        """
        with self._writing() as connection:
            now = database_now(connection)
            connection.execute(
                insert(sessions).values(
                    secret_digest=secret_digest,
                    user_id=user_id,
                    created_at=now,
                    last_seen_at=now,
                    address=address,
                    browser=browser,
                    id_token=id_token,
                )
            )
            connection.execute(
                update(users).where(users.c.user_id == user_id).values(last_sign_in_at=now)
            )

    def session_user(
        self,
        secret_digest: str,
        *,
        idle_seconds: float,
        longest_seconds: float,
        is_active: bool = True,
    ) -> User | None:
        """Return who the session belongs to, and keep it open; None where it has ended.

        Parameters
        ----------
        secret_digest
            Of the cookie's secret.
        idle_seconds
            It ends after this long without a request.
        longest_seconds
            It ends this long after signing in, whatever happens.
        is_active
            False for what a page asks by itself: that does not keep the session open.
        """
        with self._reading() as connection:
            now = database_now(connection)
            row = connection.execute(
                select(users, sessions.c.last_seen_at)
                .join(sessions, sessions.c.user_id == users.c.user_id)
                .where(
                    sessions.c.secret_digest == secret_digest,
                    sessions.c.last_seen_at > now - timedelta(seconds=idle_seconds),
                    sessions.c.created_at > now - timedelta(seconds=longest_seconds),
                    users.c.is_active,
                )
            ).one_or_none()
        if row is None:
            return None
        if is_active and row.last_seen_at < now - SEEN_RESOLUTION:
            with self._writing() as connection:
                connection.execute(
                    update(sessions)
                    .where(sessions.c.secret_digest == secret_digest)
                    .values(last_seen_at=now)
                )
        return user_of(row)

    def close_session(self, secret_digest: str) -> str | None:
        """End a session; safe to repeat.

        Returns
        -------
        str or None
            The ID token of the OpenID provider, where it signed the person in.
        """
        with self._writing() as connection:
            row = connection.execute(
                delete(sessions)
                .where(sessions.c.secret_digest == secret_digest)
                .returning(sessions.c.id_token)
            ).one_or_none()
        return row.id_token if row else None

    def sessions_of(self, user_id: int) -> tuple[OpenSession, ...]:
        """Return the sessions of a person, the one that was used last first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(sessions)
                .where(sessions.c.user_id == user_id)
                .order_by(sessions.c.last_seen_at.desc())
            ).all()
        return tuple(
            OpenSession(
                session_id=session_id_of(row.secret_digest),
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                address=row.address,
                browser=row.browser,
            )
            for row in rows
        )

    def close_sessions_of(self, user_id: int, *, only: str = "", but: str = "") -> int:
        """End sessions of a person and return how many there were; safe to repeat.

        Parameters
        ----------
        user_id
            Whose.
        only
            Identifier of the one to end; empty: all.
        but
            Identifier of one that stays.
        """
        session_id = func.substr(sessions.c.secret_digest, 1, SESSION_ID_DIGITS)
        statement = delete(sessions).where(sessions.c.user_id == user_id)
        if only:
            statement = statement.where(session_id == only)
        if but:
            statement = statement.where(session_id != but)
        with self._writing() as connection:
            return connection.execute(statement).rowcount

    def drop_old_sessions(self, *, longest_seconds: float) -> None:
        """Forget sessions and sign-ins that can no longer be used."""
        with self._writing() as connection:
            now = database_now(connection)
            oldest = now - timedelta(seconds=longest_seconds)
            connection.execute(delete(sessions).where(sessions.c.created_at < oldest))
            connection.execute(
                delete(oidc_attempts).where(oidc_attempts.c.created_at < now - OIDC_ATTEMPT_LIFE)
            )

    def begin_oidc(self, state_digest: str, attempt: OidcAttempt) -> None:
        """Remember what must come back from the OpenID provider."""
        with self._writing() as connection:
            connection.execute(
                insert(oidc_attempts).values(
                    state_digest=state_digest,
                    code_verifier=attempt.code_verifier,
                    nonce=attempt.nonce,
                    target=attempt.target,
                    created_at=database_now(connection),
                )
            )

    def end_oidc(self, state_digest: str) -> OidcAttempt:
        """Return what was remembered of a sign-in, once.

        Raises
        ------
        NotFound
            No such sign-in is on its way.
        """
        with self._writing() as connection:
            oldest = database_now(connection) - OIDC_ATTEMPT_LIFE
            row = connection.execute(
                delete(oidc_attempts)
                .where(
                    oidc_attempts.c.state_digest == state_digest,
                    oidc_attempts.c.created_at > oldest,
                )
                .returning(oidc_attempts)
            ).one_or_none()
        if row is None:
            raise NotFound("no such sign-in is on its way")
        return OidcAttempt(code_verifier=row.code_verifier, nonce=row.nonce, target=row.target)


def session_id_of(secret_digest: str) -> str:
    """Return what names a session."""
    return secret_digest[:SESSION_ID_DIGITS]
