"""One-time links by which a person chooses the password of an account that is there already."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from archive.account_records import User
from archive.account_tables import password_links, sessions, users
from archive.errors import NotFound
from archive.repository.accounts import user_of
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now

PASSWORD_LINK_LIFE = timedelta(hours=72)


class PasswordLinkRows(Transactions):
    """Who may choose a password."""

    def offer_password(self, user_id: int, secret_digest: str) -> None:
        """Let the holder of a secret choose the password of an account; ends an earlier offer.

        Raises
        ------
        NotFound
            There is no such account, or it is closed.
        """
        with self._writing() as connection:
            here = (users.c.user_id == user_id) & users.c.is_active
            if connection.execute(select(users.c.user_id).where(here)).first() is None:
                raise NotFound("no such account, or it is closed")
            connection.execute(delete(password_links).where(password_links.c.user_id == user_id))
            connection.execute(
                insert(password_links).values(
                    secret_digest=secret_digest,
                    user_id=user_id,
                    created_at=database_now(connection),
                )
            )

    def user_of_password_link(self, secret_digest: str) -> User:
        """Return whose password this secret may choose.

        Raises
        ------
        NotFound
            The offer is not known, used, or too old.
        """
        with self._reading() as connection:
            return user_of(_offered(connection, secret_digest))

    def use_password_link(self, secret_digest: str, password_hash: str) -> User:
        """Set the password; the offer and every open session of the account end with it.

        Raises
        ------
        NotFound
            The offer is not known, used, or too old.
        """
        with self._writing() as connection:
            user_id = _offered(connection, secret_digest).user_id
            # Of two at once one deletes the row.
            used = connection.execute(
                delete(password_links).where(password_links.c.secret_digest == secret_digest)
            )
            if used.rowcount != 1:
                raise NotFound("this link was used, or is too old")
            connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            row = connection.execute(
                update(users)
                .where(users.c.user_id == user_id)
                .values(password_hash=password_hash)
                .returning(users)
            ).one()
        return user_of(row)


def _offered(connection: Connection, secret_digest: str) -> AnyRow:
    oldest = database_now(connection) - PASSWORD_LINK_LIFE
    row: Any = connection.execute(
        select(users)
        .join(password_links, password_links.c.user_id == users.c.user_id)
        .where(
            password_links.c.secret_digest == secret_digest,
            password_links.c.created_at > oldest,
            users.c.is_active,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("this link was used, or is too old")
    return row  # type: ignore[no-any-return]
