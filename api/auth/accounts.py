"""Makes accounts, tokens and the first sign-in; what the command line and the pages both use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api.auth.passwords import fault_of_password, hash_password, is_password
from api.auth.scopes import scopes_of
from api.auth.secrets import digest, new_secret, new_token
from api.errors import Fault, RequestInvalid, StateForbids
from archive.account_records import ApiToken, NewUser, Role, Scope, User
from archive.database import Archive
from config.settings import ApiSettings

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
# PS3.5 table 6.2-1, VR PN: at most 64 characters for a component group; ^ separates components,
# = groups and \ values.
_PERSON_NAME = re.compile(r"[^\\=\x00-\x1f\x7f]{1,64}")
LONGEST_TOKEN_LIFE = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token just made; its text is shown this once."""

    token: ApiToken
    text: str


def add_user(
    archive: Archive,
    *,
    login: str,
    person_name: str,
    roles: frozenset[Role],
    password: str | None,
    organisation: str = "",
    is_shared: bool = False,
) -> User:
    """Make an account; without a password nobody signs in before one was chosen by a link.

    Raises
    ------
    RequestInvalid
        Naming the field that is not permitted.
    AlreadyThere
        The login is taken.
    """
    return archive.repository.add_user(
        checked_user(
            login=login,
            person_name=person_name,
            roles=roles,
            password=password,
            organisation=organisation,
            is_shared=is_shared,
        )
    )


def checked_user(
    *,
    login: str,
    person_name: str,
    roles: frozenset[Role],
    password: str | None,
    organisation: str = "",
    is_shared: bool = False,
) -> NewUser:
    """Return an account to be made, with its password hashed where it has one.

    Raises
    ------
    RequestInvalid
        Naming the field that is not permitted.
    """
    login = login.strip().casefold()
    faults = [
        ("login", fault_of_login(login)),
        ("person_name", fault_of_person_name(person_name)),
        ("roles", "" if roles else "an account has at least one role"),
        ("password", "" if password is None else fault_of_password(password, login)),
    ]
    refuse_faults(faults)
    return NewUser(
        login=login,
        person_name=person_name.strip(),
        roles=roles,
        password_hash=None if password is None else hash_password(password),
        is_shared=is_shared,
        organisation=organisation.strip(),
    )


def fault_of_login(login: str) -> str:
    """Return in words why this may not be a login, or nothing."""
    return "" if _LOGIN.fullmatch(login) else "letters, digits and . _ @ - only"


def fault_of_person_name(person_name: str) -> str:
    """Return in words why this may not stand in a report as a person's name, or nothing."""
    name = person_name.strip()
    if not _PERSON_NAME.fullmatch(name) or not name.strip("^ "):
        return "1 to 64 characters, Family^Given, without \\ and ="
    return ""


def refuse_faults(faults: list[tuple[str, str]]) -> None:
    """Raise `RequestInvalid` where any field has words against it."""
    found = [
        Fault(location=f"body.{field}", message=words, code="not_permitted")
        for field, words in faults
        if words
    ]
    if found:
        words = "; ".join(
            f"{fault.location.removeprefix('body.')}: {fault.message}" for fault in found
        )
        raise RequestInvalid(words, faults=found)


def user_who_signs_in(archive: Archive, *, login: str, password: str) -> User | None:
    """Return the account if the password is its own; takes as long if there is no account."""
    found = archive.repository.user_with_password(login.strip())
    user, kept_hash = found if found else (None, None)
    return user if is_password(password, kept_hash) else None


def add_token(
    archive: Archive,
    *,
    name: str,
    scopes: frozenset[Scope],
    created_by: str,
    life: timedelta,
    owner: User | None = None,
) -> NewToken:
    """Make a token; its text is in the answer and nowhere else.

    Parameters
    ----------
    archive
        Where.
    name
        For people.
    scopes
        What it may do.
    created_by
        Login of who makes it.
    life
        How long it is good.
    owner
        Whose it is: it never does more than they may; None: the installation's.

    Raises
    ------
    RequestInvalid
        It would have no scope, or live too long.
    """
    most = frozenset(Scope) if owner is None else scopes_of(owner.roles)
    refuse_faults(
        [
            ("name", "" if name.strip() else "a token has a name"),
            ("scopes", "" if scopes else "a token has at least one scope"),
            ("scopes", "" if scopes <= most else "a token does not do more than its owner may"),
            (
                "days",
                ""
                if timedelta() < life <= LONGEST_TOKEN_LIFE
                else f"a token lives at most {LONGEST_TOKEN_LIFE.days} days",
            ),
        ]
    )
    text = new_token()
    token = archive.repository.add_token(
        token_id=text.token_id,
        secret_digest=digest(text.secret),
        name=name.strip(),
        scopes=scopes,
        created_by=created_by,
        life_seconds=life.total_seconds(),
        user_id=owner.user_id if owner else None,
    )
    return NewToken(token=token, text=str(text))


def offer_setup_link(archive: Archive, settings: ApiSettings) -> str | None:
    """Return the one-time address at which the first account is made; None where there is one.

    Each call makes a new address and ends the one before.
    """
    secret = new_secret()
    if not archive.repository.offer_setup(digest(secret)):
        return None
    return f"{public_url(settings)}/setup?key={secret}"


def offer_password_link(archive: Archive, settings: ApiSettings, user: User) -> str:
    """Return the one-time address at which a person chooses the password of their account.

    Each call makes a new address and ends the one before.

    Raises
    ------
    StateForbids
        They sign in through the OpenID provider.
    NotFound
        The account is closed.
    """
    if user.has_provider:
        raise StateForbids(
            "this account signs in through the hospital's provider", code="provider_decides"
        )
    secret = new_secret()
    archive.repository.offer_password(user.user_id, digest(secret))
    return f"{public_url(settings)}/set-password?key={secret}"


def checked_changes(user: User, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of an account as the archive takes them, a password hashed.

    Parameters
    ----------
    user
        As it is.
    wanted
        By field; None means that it stays. `password` is in plain.

    Raises
    ------
    RequestInvalid
        Naming the field that is not permitted.
    StateForbids
        The OpenID provider decides about this field.
    """
    changes = {name: value for name, value in wanted.items() if value is not None}
    if user.has_provider and {"password", "roles", "person_name"} & set(changes):
        raise StateForbids(
            "the hospital's provider says name and roles of this account", code="provider_decides"
        )
    faults = [("roles", "" if changes.get("roles", [1]) else "an account has at least one role")]
    for field in ("person_name", "organisation"):
        if field in changes:
            changes[field] = changes[field].strip()
    if "person_name" in changes:
        faults.append(("person_name", fault_of_person_name(changes["person_name"])))
    password = changes.pop("password", None)
    if password is not None:
        faults.append(("password", fault_of_password(password, user.login)))
    refuse_faults(faults)
    if password is not None:
        changes["password_hash"] = hash_password(password)
    return changes


def public_url(settings: ApiSettings) -> str:
    """Return how browsers reach us, without a path."""
    if settings.public_url:
        return settings.public_url
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{settings.port}"
