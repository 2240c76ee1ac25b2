"""Which account belongs to whom the OpenID provider has signed in, and what it may do.

The provider says name and roles, at each sign-in anew. Who has no role here has no account, for an
account may sign reports; and nobody gets an account that somebody else has made.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from api.auth.accounts import fault_of_login, fault_of_person_name
from api.auth.openid import Identity
from api.errors import Forbidden
from archive.account_records import NewUser, Role, User
from archive.database import Archive
from archive.errors import AlreadyThere
from config.settings import OidcSettings

# What separates the parts of a DICOM PN (PS3.5 section 6.2) cannot stand in one.
_NOT_IN_A_NAME = re.compile(r"[\\^=\x00-\x1f\x7f]+")


def user_of_identity(archive: Archive, settings: OidcSettings, identity: Identity) -> User:
    """Return the account of a person, made or brought up to date.

    Raises
    ------
    Forbidden
        They have no role here, or their account is closed, or they have no name to sign with.
    """
    roles = roles_of(identity.claims, settings)
    user = archive.repository.user_of_subject(identity.subject)
    if not roles:
        if user is not None and user.roles:
            archive.repository.change_user(user.user_id, {"roles": frozenset()})
        raise Forbidden("this account has no role here; ask who gives out roles", code="no_role")
    name = person_name_of(identity.claims)
    if fault_of_person_name(name):
        raise Forbidden("the hospital's sign-in tells no name to sign with", code="no_name")
    if user is None:
        return _new_user(archive, identity, roles, name)
    if not user.is_active:
        raise Forbidden("this account is closed here", code="account_closed")
    now = {"roles": roles, "person_name": name}
    before = {"roles": user.roles, "person_name": user.person_name}
    changes = {field: value for field, value in now.items() if before[field] != value}
    return archive.repository.change_user(user.user_id, changes) if changes else user


def roles_of(claims: Mapping[str, Any], settings: OidcSettings) -> frozenset[Role]:
    """Return the roles that the provider's own groups or roles stand for here."""
    found = _value_at(claims, settings.roles_claim)
    theirs = {found} if isinstance(found, str) else set()
    if isinstance(found, list):
        theirs = {one for one in found if isinstance(one, str)}
    return frozenset(Role(role) for role, names in settings.roles.items() if theirs & set(names))


def person_name_of(claims: Mapping[str, Any]) -> str:
    """Return a person's name as DICOM PN, Family^Given; the whole name where that is all."""
    family, given = (_plain(claims.get(name)) for name in ("family_name", "given_name"))
    if family:
        return f"{family}^{given}" if given else family
    return _plain(claims.get("name"))


def _new_user(archive: Archive, identity: Identity, roles: frozenset[Role], name: str) -> User:
    for login in _logins(identity):
        if fault_of_login(login):
            continue
        try:
            return archive.repository.add_user(
                NewUser(
                    login=login,
                    person_name=name,
                    roles=roles,
                    password_hash=None,
                    oidc_subject=identity.subject,
                )
            )
        except AlreadyThere:
            continue  # somebody else's; never taken over
    raise Forbidden("the login of this account is taken here by another", code="name_taken")


def _logins(identity: Identity) -> list[str]:
    """Return what a new account may be called, the best first."""
    issuer, _, subject = identity.subject.partition(" ")
    host = urlsplit(issuer).hostname or ""
    wanted = [identity.claims.get("preferred_username"), identity.claims.get("email"), subject]
    names = [one.casefold() for one in wanted if isinstance(one, str) and one]
    return [*names[:1], *(f"{one}@{host}" for one in names[:1]), *names[1:]]


def _value_at(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim of this name, or what dots lead to within nested ones; None if not there."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _plain(value: object) -> str:
    return " ".join(_NOT_IN_A_NAME.sub(" ", value).split()) if isinstance(value, str) else ""
