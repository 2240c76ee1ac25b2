"""What administrators do to accounts and tokens, each with its line in the audit trail.

For the JSON routes and for the pages alike, so that both have the same rules.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import Request

from api.audit import AuditAction, note
from api.auth.accounts import (
    NewToken,
    add_token,
    add_user,
    checked_changes,
    offer_password_link,
)
from api.auth.principal import Principal
from api.dependencies import Context, context_of
from api.errors import StateForbids
from archive.account_records import ApiToken, Role, Scope, User


def make_account(
    request: Request,
    admin: Principal,
    *,
    login: str,
    person_name: str,
    roles: frozenset[Role],
    organisation: str,
    is_shared: bool,
    password: str | None = None,
) -> User:
    """Make an account that signs in with a password, now or once it was chosen by a link.

    Raises
    ------
    RequestInvalid
        Naming the field that is not permitted.
    AlreadyThere
        The login is taken.
    """
    user = add_user(
        context_of(request).archive,
        login=login,
        person_name=person_name,
        roles=roles,
        password=password,
        organisation=organisation,
        is_shared=is_shared,
    )
    note(request, admin, AuditAction.USER_ADDED, login=user.login, roles=sorted(user.roles))
    return user


def change_account(
    request: Request, admin: Principal, user_id: int, wanted: Mapping[str, Any]
) -> User:
    """Change an account; who loses a role, or gets another password, is signed out.

    Raises
    ------
    NotFound
        There is no such account.
    RequestInvalid
        Naming the field that is not permitted.
    StateForbids
        It is the last active administrator, or the OpenID provider decides.
    """
    context = context_of(request)
    before = context.archive.repository.user(user_id)
    changes = checked_changes(before, wanted)
    if not changes.get("is_active", True) or Role.ADMIN not in changes.get("roles", {Role.ADMIN}):
        _keep_an_administrator(context, user_id)
    user = context.archive.repository.change_user(user_id, changes)
    note(request, admin, AuditAction.USER_CHANGED, login=user.login, changed=sorted(changes))
    return user


def make_password_link(request: Request, admin: Principal, user_id: int) -> str:
    """Return a one-time address at which a person chooses their password.

    Raises
    ------
    NotFound
        There is no such account, or it is closed.
    StateForbids
        They sign in through the OpenID provider.
    """
    context = context_of(request)
    user = context.archive.repository.user(user_id)
    link = offer_password_link(context.archive, context.settings.api, user)
    note(request, admin, AuditAction.PASSWORD_LINK, login=user.login)
    return link


def end_sessions(request: Request, admin: Principal, user_id: int) -> int:
    """Sign a person out everywhere; return how many sessions ended.

    Raises
    ------
    NotFound
        There is no such account.
    """
    repository = context_of(request).archive.repository
    user = repository.user(user_id)
    count = repository.close_sessions_of(user_id)
    note(request, admin, AuditAction.SESSIONS_ENDED, login=user.login, count=count)
    return count


def make_token(
    request: Request,
    maker: Principal,
    *,
    name: str,
    scopes: frozenset[Scope],
    days: int,
    owner: User | None = None,
) -> NewToken:
    """Make a token; its text is in the answer and nowhere else.

    Raises
    ------
    RequestInvalid
        Naming the field that is not permitted.
    """
    new = add_token(
        context_of(request).archive,
        name=name,
        scopes=scopes,
        created_by=maker.name,
        life=timedelta(days=days),
        owner=owner,
    )
    token = new.token
    note(
        request,
        maker,
        AuditAction.TOKEN_ADDED,
        token_id=token.token_id,
        scopes=sorted(token.scopes),
    )
    return new


def end_token(
    request: Request, who: Principal, token_id: str, *, owner: User | None = None
) -> ApiToken:
    """End a token at once, where `owner` is given one of that person.

    Raises
    ------
    NotFound
        There is no such token.
    """
    token = context_of(request).archive.repository.revoke_token(
        token_id, user_id=owner.user_id if owner else None
    )
    note(request, who, AuditAction.TOKEN_REVOKED, token_id=token_id)
    return token


def _keep_an_administrator(context: Context, user_id: int) -> None:
    others = [
        user
        for user in context.archive.repository.users()
        if user.is_active and Role.ADMIN in user.roles and user.user_id != user_id
    ]
    if not others:
        raise StateForbids("at least one active administrator stays", code="last_administrator")
