"""`/me`: one's own password, sessions, tokens and preferences."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.account_schemas import session_body
from api.administration import end_token, make_token
from api.audit import AuditAction, address_of, note
from api.auth.access import allow_page
from api.auth.accounts import refuse_faults, user_who_signs_in
from api.auth.passwords import fault_of_password, hash_password
from api.auth.principal import Principal, open_session, own_session_id
from api.auth.scopes import scopes_of
from api.dependencies import Context, InContext
from api.errors import ApiError, StateForbids, Unauthenticated
from api.page_words import SCOPE_WORDS
from archive.account_records import Scope, User

router = APIRouter(prefix="/me", include_in_schema=False)

Person = Annotated[User, Depends(allow_page())]
SEE_OTHER = 303
HERE = "/me"


@router.get("", response_class=HTMLResponse)
def me(request: Request, context: InContext, user: Person) -> Response:
    """Return one's own account."""
    return _page(request, context, user)


@router.post("/password", response_class=HTMLResponse)
def change_password(
    request: Request,
    context: InContext,
    user: Person,
    current: Annotated[str, Form(max_length=256)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
) -> Response:
    """Change one's own password; every other session ends."""
    try:
        _check_password_change(request, context, user, current, password)
    except ApiError as error:
        response = _page(request, context, user, fault=error.detail, status=error.status)
        response.headers.update(error.headers)
        return response
    changes = {"password_hash": hash_password(password)}
    changed = context.archive.repository.change_user(user.user_id, changes)
    note(request, Principal(user=user), AuditAction.PASSWORD_CHANGED, by="person")
    response = RedirectResponse(HERE, status_code=SEE_OTHER)
    open_session(request, response, changed)
    return response


@router.post("/sessions/others/end")
def end_other_sessions(request: Request, context: InContext, user: Person) -> Response:
    """Sign oneself out in every other browser."""
    count = context.archive.repository.close_sessions_of(user.user_id, but=own_session_id(request))
    note(request, Principal(user=user), AuditAction.SESSIONS_ENDED, login=user.login, count=count)
    return RedirectResponse(HERE, status_code=SEE_OTHER)


@router.post("/sessions/{session_id}/end")
def end_session(
    request: Request,
    context: InContext,
    user: Person,
    session_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")],
) -> Response:
    """Sign oneself out in one other browser."""
    count = context.archive.repository.close_sessions_of(user.user_id, only=session_id)
    note(request, Principal(user=user), AuditAction.SESSIONS_ENDED, login=user.login, count=count)
    return RedirectResponse(HERE, status_code=SEE_OTHER)


@router.post("/tokens", response_class=HTMLResponse)
def add_own_token(
    request: Request,
    context: InContext,
    user: Person,
    name: Annotated[str, Form(max_length=200)] = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int, Form()] = 0,
) -> Response:
    """Make a token of one's own and show it, this once."""
    try:
        _refuse_shared(user)
        new = make_token(
            request,
            Principal(user=user),
            name=name,
            scopes=frozenset(scopes or ()),
            days=days,
            owner=user,
        )
    except ApiError as error:
        return _page(request, context, user, fault=error.detail, status=error.status)
    return context.templates.TemplateResponse(
        request,
        "token_made.html",
        {"user": user, "token": new.token, "text": new.text, "back": HERE},
    )


@router.post("/tokens/{token_id}/end")
def end_own_token(
    request: Request, user: Person, token_id: Annotated[str, Path(pattern="^[0-9a-f]{10}$")]
) -> Response:
    """End a token of one's own."""
    end_token(request, Principal(user=user), token_id, owner=user)
    return RedirectResponse(HERE, status_code=SEE_OTHER)


@router.post("/preferences")
def keep_preferences(
    request: Request,
    context: InContext,
    user: Person,
    is_blind_first: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Keep how one wants to read; keys and brightness stay in the browser."""
    is_wanted = bool(is_blind_first)
    context.archive.repository.change_user(user.user_id, {"is_blind_first": is_wanted})
    principal = Principal(user=user)
    note(request, principal, AuditAction.PREFERENCES_CHANGED, is_blind_first=is_wanted)
    return RedirectResponse(HERE, status_code=SEE_OTHER)


def _check_password_change(
    request: Request, context: Context, user: User, current: str, password: str
) -> None:
    if user.has_provider or not user.has_password:
        raise StateForbids("this account has no password here", code="no_password")
    _refuse_shared(user)
    context.sign_in_attempts.count(login=user.login, address=address_of(request))
    if user_who_signs_in(context.archive, login=user.login, password=current) is None:
        raise Unauthenticated("the current password is another", code="sign_in_refused")
    refuse_faults([("password", fault_of_password(password, user.login))])


def _refuse_shared(user: User) -> None:
    if user.is_shared:
        raise StateForbids(
            "this account is used by several people; an administrator does this", code="shared"
        )


def _page(
    request: Request, context: Context, user: User, *, fault: str = "", status: int = 200
) -> Response:
    repository = context.archive.repository
    return context.templates.TemplateResponse(
        request,
        "me.html",
        {
            "user": user,
            "fault": fault,
            "may_review": session_body(user).may_review,
            "sessions": repository.sessions_of(user.user_id),
            "own_session": own_session_id(request),
            "tokens": repository.tokens(user.user_id),
            "now": datetime.now(UTC),
            "scopes": sorted(scopes_of(user.roles)),
            "scope_words": SCOPE_WORDS,
            "is_site_blind_first": context.settings.review.blind_first,
        },
        status_code=status,
    )
