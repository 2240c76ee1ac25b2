"""Who may sign in: accounts, and the one-time link that makes the first."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from archive.account_records import NewUser, Role, User
from archive.account_tables import password_links, sessions, setup_links, users
from archive.errors import AlreadyThere, NotFound
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now

SETUP_LINK_LIFE = timedelta(hours=24)


class AccountRows(Transactions):
    """Accounts."""

    def add_user(self, new: NewUser) -> User:
        """Make an account.

        Raises
        ------
        AlreadyThere
            The login is taken.
        """
        try:
            with self._writing() as connection:
                row = connection.execute(
                    insert(users)
                    .values(
                        **_values_of(new),
                        is_active=True,
                        created_at=database_now(connection),
                    )
                    .returning(users)
                ).one()
        except IntegrityError:
            raise AlreadyThere("this login is taken") from None
        return user_of(row)

    def user(self, user_id: int) -> User:
        """Return an account, active or not.

        Raises
        ------
        NotFound
            There is no such account.
        """
        return self._one_user(users.c.user_id == user_id)

    def user_of_login(self, login: str) -> User:
        """Return an account, active or not.

        Raises
        ------
        NotFound
            There is no such account.
        """
        return self._one_user(users.c.login == login.casefold())

    def _one_user(self, condition: ColumnElement[bool]) -> User:
        with self._reading() as connection:
            row = connection.execute(_accounts().where(condition)).one_or_none()
        if row is None:
            raise NotFound("no such account")
        return user_of(row)

    def users(self) -> tuple[User, ...]:
        """Return all accounts by login."""
        with self._reading() as connection:
            rows = connection.execute(_accounts().order_by(users.c.login)).all()
        return tuple(user_of(row) for row in rows)

    def user_count(self) -> int:
        """Return how many accounts there are, active or not."""
        with self._reading() as connection:
            count: int = connection.execute(select(func.count()).select_from(users)).scalar_one()
        return count

    def user_with_password(self, login: str) -> tuple[User, str | None] | None:
        """Return an active account and its password hash, or None."""
        with self._reading() as connection:
            row = connection.execute(
                select(users).where(users.c.login == login.casefold(), users.c.is_active)
            ).one_or_none()
        return (user_of(row), row.password_hash) if row else None

    def user_of_subject(self, oidc_subject: str) -> User | None:
        """Return the account, active or not, of who the OpenID provider calls `oidc_subject`."""
        with self._reading() as connection:
            row = connection.execute(
                select(users).where(users.c.oidc_subject == oidc_subject)
            ).one_or_none()
        return user_of(row) if row else None

    def change_user(self, user_id: int, changes: Mapping[str, Any]) -> User:
        """Change name, organisation, roles, password_hash or one of the `is_` fields.

        Who loses access, or gets another password, loses every open session and any link to
        choose a password.

        Raises
        ------
        NotFound
            There is no such account.
        """
        values = dict(changes)
        if "roles" in values:
            values["roles"] = sorted(values["roles"])
        with self._writing() as connection:
            here = users.c.user_id == user_id
            # An UPDATE of nothing is no SQL.
            statement = (
                update(users).where(here).values(**values).returning(users)
                if values
                else select(users).where(here)
            )
            row = connection.execute(statement).one_or_none()
            if row is None:
                raise NotFound("no such account")
            if not row.is_active or {"password_hash", "roles"} & set(values):
                connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            if not row.is_active or "password_hash" in values:
                connection.execute(
                    delete(password_links).where(password_links.c.user_id == user_id)
                )
        return user_of(row)

    def offer_setup(self, secret_digest: str) -> bool:
        """Let the holder of a secret make the first account; replaces any earlier offer.

        Returns
        -------
        bool
            False, and nothing is offered, where there is an account already.
        """
        with self._writing() as connection:
            connection.execute(delete(setup_links))
            if connection.execute(select(users.c.user_id).limit(1)).first():
                return False
            connection.execute(
                insert(setup_links).values(
                    secret_digest=secret_digest, created_at=database_now(connection)
                )
            )
        return True

    def is_setup_offered(self, secret_digest: str) -> bool:
        """Return whether this secret may still make the first account."""
        with self._reading() as connection:
            return _is_offered(connection, secret_digest)

    def use_setup(self, secret_digest: str, new: NewUser) -> User:
        """Make the first account; the offer ends with it.

        Raises
        ------
        NotFound
            The offer is not known, used, or too old.
        """
        with self._writing() as connection:
            has_users = connection.execute(select(users.c.user_id).limit(1)).first()
            used = connection.execute(
                delete(setup_links).where(_open_offer(connection, secret_digest))
            )
            if has_users or used.rowcount != 1:
                raise NotFound("this link was used, or is too old")
            row = connection.execute(
                insert(users)
                .values(**_values_of(new), is_active=True, created_at=database_now(connection))
                .returning(users)
            ).one()
        return user_of(row)


def user_of(row: AnyRow) -> User:
    """Return a user row as a record, without its password hash."""
    return User(
        user_id=row.user_id,
        login=row.login,
        person_name=row.person_name,
        organisation=row.organisation,
        roles=frozenset(Role(role) for role in row.roles),
        is_active=row.is_active,
        is_shared=row.is_shared,
        is_blind_first=row.is_blind_first,
        has_password=row.password_hash is not None,
        has_provider=row.oidc_subject is not None,
        # Only accounts as administrators look at them are read with their links.
        has_password_link=getattr(row, "has_password_link", False),
        created_at=row.created_at,
        last_sign_in_at=row.last_sign_in_at,
    )


def _accounts() -> Select[Any]:
    """Return the query of accounts as administrators look at them."""
    link = exists().where(password_links.c.user_id == users.c.user_id)
    return select(users, link.label("has_password_link"))


def _values_of(new: NewUser) -> dict[str, Any]:
    return {
        "login": new.login.casefold(),
        "person_name": new.person_name,
        "organisation": new.organisation,
        "roles": sorted(new.roles),
        "password_hash": new.password_hash,
        "oidc_subject": new.oidc_subject,
        "is_shared": new.is_shared,
    }


def _open_offer(connection: Any, secret_digest: str) -> Any:
    oldest = database_now(connection) - SETUP_LINK_LIFE
    return (setup_links.c.secret_digest == secret_digest) & (setup_links.c.created_at > oldest)


def _is_offered(connection: Any, secret_digest: str) -> bool:
    offer = select(setup_links.c.secret_digest).where(_open_offer(connection, secret_digest))
    return connection.execute(offer).first() is not None
