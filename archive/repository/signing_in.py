"""Open sessions, tokens of programs, and sign-ins on their way through an OpenID provider."""

from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from archive.account_records import ApiToken, Scope, User
from archive.account_tables import api_tokens, oidc_attempts, sessions, users
from archive.errors import NotFound
from archive.repository.accounts import user_of
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now

# Looking at a session is written down at most this often, so that reading pages does not write.
SEEN_RESOLUTION = timedelta(seconds=30)
OIDC_ATTEMPT_LIFE = timedelta(minutes=10)


class SigningInRows(Transactions):
    """Who is signed in, and which programs may ask."""

    def open_session(self, user_id: int, secret_digest: str) -> None:
        """Note that a person has signed in with a cookie of this digest."""
        with self._writing() as connection:
            now = database_now(connection)
            connection.execute(
                insert(sessions).values(
                    secret_digest=secret_digest,
                    user_id=user_id,
                    created_at=now,
                    last_seen_at=now,
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

    def close_session(self, secret_digest: str) -> None:
        """End a session; safe to repeat."""
        with self._writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.secret_digest == secret_digest))

    def drop_old_sessions(self, *, longest_seconds: float) -> None:
        """Forget sessions and sign-ins that can no longer be used."""
        with self._writing() as connection:
            now = database_now(connection)
            oldest = now - timedelta(seconds=longest_seconds)
            connection.execute(delete(sessions).where(sessions.c.created_at < oldest))
            connection.execute(
                delete(oidc_attempts).where(oidc_attempts.c.created_at < now - OIDC_ATTEMPT_LIFE)
            )

    def begin_oidc(self, state_digest: str, *, code_verifier: str, nonce: str) -> None:
        """Remember what must come back from the OpenID provider."""
        with self._writing() as connection:
            connection.execute(
                insert(oidc_attempts).values(
                    state_digest=state_digest,
                    code_verifier=code_verifier,
                    nonce=nonce,
                    created_at=database_now(connection),
                )
            )

    def end_oidc(self, state_digest: str) -> tuple[str, str]:
        """Return the code verifier and the nonce of a sign-in, once.

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
                .returning(oidc_attempts.c.code_verifier, oidc_attempts.c.nonce)
            ).one_or_none()
        if row is None:
            raise NotFound("no such sign-in is on its way")
        return row.code_verifier, row.nonce

    def add_token(
        self,
        *,
        token_id: str,
        secret_digest: str,
        name: str,
        scopes: frozenset[Scope],
        created_by: str,
        life_seconds: float,
    ) -> ApiToken:
        """Let a program ask until its token is too old."""
        with self._writing() as connection:
            now = database_now(connection)
            row = connection.execute(
                insert(api_tokens)
                .values(
                    token_id=token_id,
                    secret_digest=secret_digest,
                    name=name,
                    scopes=sorted(scopes),
                    created_by=created_by,
                    created_at=now,
                    expires_at=now + timedelta(seconds=life_seconds),
                )
                .returning(api_tokens)
            ).one()
        return _token_of(row)

    def token(self, token_id: str) -> tuple[ApiToken, str] | None:
        """Return a token that is still good, and the digest of its secret, or None."""
        with self._reading() as connection:
            now = database_now(connection)
            row = connection.execute(
                select(api_tokens).where(
                    api_tokens.c.token_id == token_id,
                    api_tokens.c.revoked_at.is_(None),
                    api_tokens.c.expires_at > now,
                )
            ).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or row.last_used_at < now - SEEN_RESOLUTION:
            with self._writing() as connection:
                connection.execute(
                    update(api_tokens)
                    .where(api_tokens.c.token_id == token_id)
                    .values(last_used_at=now)
                )
        return _token_of(row), row.secret_digest

    def tokens(self) -> tuple[ApiToken, ...]:
        """Return all tokens, the newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(api_tokens).order_by(api_tokens.c.created_at.desc())
            ).all()
        return tuple(_token_of(row) for row in rows)

    def revoke_token(self, token_id: str) -> ApiToken:
        """End a token; safe to repeat.

        Raises
        ------
        NotFound
            There is no such token.
        """
        with self._writing() as connection:
            now = database_now(connection)
            connection.execute(
                update(api_tokens)
                .where(api_tokens.c.token_id == token_id, api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            row = connection.execute(
                select(api_tokens).where(api_tokens.c.token_id == token_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such token")
        return _token_of(row)


def _token_of(row: AnyRow) -> ApiToken:
    return ApiToken(
        token_id=row.token_id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
