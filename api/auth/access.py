"""The rule of each route: which roles a person, and which scope a program needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from api.auth.principal import LOOPBACK_COOKIE, Principal, principal_of
from api.errors import Forbidden, SignInNeeded, Unauthenticated
from archive.account_records import Role, Scope, User

EVERY_ROLE = frozenset(Role)

# For the OpenAPI document only; `principal_of` does the work.
_cookie = APIKeyCookie(
    name=LOOPBACK_COOKIE,
    scheme_name="session",
    description="The session of a signed-in person; `__Host-hilum` over TLS.",
    auto_error=False,
)
_bearer = HTTPBearer(
    scheme_name="token",
    description="A program's token, as `Authorization: Bearer hilum_...`.",
    auto_error=False,
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may use a route."""

    roles: frozenset[Role]
    scope: Scope | None
    """None: no program may, only a person."""


def check(principal: Principal | None, rule: Rule) -> Principal:
    """Return who asks if the rule lets them.

    Raises
    ------
    Unauthenticated
        Nobody is signed in, or the session or token has ended.
    Forbidden
        They may not do this.
    """
    if principal is None:
        raise Unauthenticated("sign in, or send a token")
    if principal.user is not None:
        if not principal.user.roles & rule.roles:
            raise Forbidden("this account does not have the role for this")
        return principal
    if rule.scope is None:
        raise Forbidden("this needs a person who is signed in, not a token")
    if principal.token is None or rule.scope not in principal.token.scopes:
        raise Forbidden(f"this token does not have the scope {rule.scope}")
    return principal


def allow(
    *roles: Role, scope: Scope | None = None, is_active: bool = True
) -> Callable[..., Principal]:
    """Return the dependency that lets persons of these roles, and programs of a scope, pass.

    Parameters
    ----------
    roles
        Any of them is enough; none given means every role.
    scope
        What a token needs; None lets no program pass.
    is_active
        False for what a page asks by itself, which does not keep a session open.
    """
    rule = Rule(roles=frozenset(roles) or EVERY_ROLE, scope=scope)

    def person(
        request: Request,
        _session: Annotated[str | None, Depends(_cookie)] = None,
    ) -> Principal:
        return check(principal_of(request, is_active=is_active), rule)

    def person_or_program(
        request: Request,
        _session: Annotated[str | None, Depends(_cookie)] = None,
        _token: Annotated[object, Depends(_bearer)] = None,
    ) -> Principal:
        return check(principal_of(request, is_active=is_active), rule)

    return person if scope is None else person_or_program


def allow_page(*roles: Role) -> Callable[[Request], User]:
    """Return the dependency of a page: who is not signed in is sent to sign in."""
    rule = Rule(roles=frozenset(roles) or EVERY_ROLE, scope=None)

    def person(request: Request) -> User:
        principal = principal_of(request)
        if principal is None:
            raise SignInNeeded(request.url.path)
        user = check(principal, rule).user
        if user is None:
            raise Forbidden("pages are for people")
        return user

    return person
