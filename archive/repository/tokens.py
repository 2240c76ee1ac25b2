"""Tokens of programs: the installation's, and those that people make for themselves."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert, select, update

from archive.account_records import ApiToken, Role, Scope
from archive.account_tables import api_tokens, users
from archive.errors import NotFound
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now

# A use is written down at most this often, so that reading does not write.
SEEN_RESOLUTION = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class GoodToken:
    """A token that has not ended, and what it is compared with."""

    token: ApiToken
    secret_digest: str
    owner_roles: frozenset[Role] | None
    """What its owner may do today; None: it is the installation's."""


class TokenRows(Transactions):
    """Which programs may ask."""

    def add_token(
        self,
        *,
        token_id: str,
        secret_digest: str,
        name: str,
        scopes: frozenset[Scope],
        created_by: str,
        life_seconds: float,
        user_id: int | None = None,
    ) -> ApiToken:
        """Let a program ask until its token is too old, or its owner's account is closed."""
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
                    user_id=user_id,
                    created_at=now,
                    expires_at=now + timedelta(seconds=life_seconds),
                )
                .returning(api_tokens)
            ).one()
        return _token_of(row)

    def token(self, token_id: str) -> GoodToken | None:
        """Return a token that is still good, or None."""
        with self._reading() as connection:
            now = database_now(connection)
            row = connection.execute(
                select(api_tokens, users.c.roles.label("owner_roles"))
                .outerjoin(users, users.c.user_id == api_tokens.c.user_id)
                .where(
                    api_tokens.c.token_id == token_id,
                    api_tokens.c.revoked_at.is_(None),
                    api_tokens.c.expires_at > now,
                    api_tokens.c.user_id.is_(None) | users.c.is_active,
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
        return GoodToken(
            token=_token_of(row),
            secret_digest=row.secret_digest,
            owner_roles=None
            if row.owner_roles is None
            else frozenset(Role(role) for role in row.owner_roles),
        )

    def tokens(self, user_id: int | None = None) -> tuple[ApiToken, ...]:
        """Return all tokens, or those of one person, the newest first."""
        statement = select(api_tokens).order_by(api_tokens.c.created_at.desc())
        if user_id is not None:
            statement = statement.where(api_tokens.c.user_id == user_id)
        with self._reading() as connection:
            rows = connection.execute(statement).all()
        return tuple(_token_of(row) for row in rows)

    def revoke_token(self, token_id: str, *, user_id: int | None = None) -> ApiToken:
        """End a token, where `user_id` is given one of that person; safe to repeat.

        Raises
        ------
        NotFound
            There is no such token.
        """
        here = api_tokens.c.token_id == token_id
        if user_id is not None:
            here &= api_tokens.c.user_id == user_id
        with self._writing() as connection:
            now = database_now(connection)
            connection.execute(
                update(api_tokens)
                .where(here, api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            row = connection.execute(select(api_tokens).where(here)).one_or_none()
        if row is None:
            raise NotFound("no such token")
        return _token_of(row)


def _token_of(row: AnyRow) -> ApiToken:
    return ApiToken(
        token_id=row.token_id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_by=row.created_by,
        user_id=row.user_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
