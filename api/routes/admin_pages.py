"""`/admin`: the accounts as pages, without script."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.administration import (
    change_account,
    end_sessions,
    make_account,
    make_password_link,
)
from api.auth.access import allow_page
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.errors import ApiError
from archive.account_records import Role, User
from archive.errors import AlreadyThere

router = APIRouter(prefix="/admin", include_in_schema=False)

Admin = Annotated[User, Depends(allow_page(Role.ADMIN))]
RowId = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]
LongText = Annotated[str, Form(max_length=200)]
SEE_OTHER = 303

ROLE_WORDS = {
    Role.RADIOLOGIST: "reads studies and reviews results",
    Role.ADMIN: "runs queues, destinations and accounts",
    Role.ML: "watches models and exports reviews",
}
EMPTY_FORM: dict[str, Any] = {
    "login": "", "person_name": "", "organisation": "", "roles": [], "is_shared": False,
}  # fmt: skip


@router.get("", response_class=HTMLResponse)
def accounts(request: Request, context: InContext, user: Admin) -> Response:
    """Return all accounts, and the form for another."""
    return _accounts(request, context, user, EMPTY_FORM)


@router.post("/users", response_class=HTMLResponse)
def add_account(
    request: Request,
    context: InContext,
    user: Admin,
    login: LongText = "",
    person_name: LongText = "",
    organisation: LongText = "",
    roles: Annotated[list[Role] | None, Form()] = None,
    is_shared: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Make an account and show the link by which its person chooses a password."""
    admin = Principal(user=user)
    form: dict[str, Any] = {
        "login": login,
        "person_name": person_name,
        "organisation": organisation,
        "roles": roles or [],
        "is_shared": bool(is_shared),
    }
    try:
        account = make_account(request, admin, **(form | {"roles": frozenset(roles or ())}))
    except AlreadyThere as error:
        return _accounts(request, context, user, form, fault=str(error), status=409)
    except ApiError as error:
        return _accounts(request, context, user, form, fault=error.detail, status=error.status)
    return _link(request, context, user, account)


@router.get("/users/{user_id}", response_class=HTMLResponse)
def account(request: Request, context: InContext, user: Admin, user_id: RowId) -> Response:
    """Return one account with its sessions."""
    return _account(request, context, user, user_id)


@router.post("/users/{user_id}", response_class=HTMLResponse)
def save_account(
    request: Request,
    context: InContext,
    user: Admin,
    user_id: RowId,
    person_name: Annotated[str | None, Form(max_length=200)] = None,
    organisation: LongText = "",
    roles: Annotated[list[Role] | None, Form()] = None,
    is_shared: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Change name, organisation, roles and kind of an account."""
    wanted: dict[str, Any] = {"organisation": organisation, "is_shared": bool(is_shared)}
    if not context.archive.repository.user(user_id).has_provider:
        wanted |= {"person_name": person_name or "", "roles": roles or []}
    return _changed(request, context, user, user_id, wanted)


@router.post("/users/{user_id}/link", response_class=HTMLResponse)
def new_link(request: Request, context: InContext, user: Admin, user_id: RowId) -> Response:
    """Show a new link by which the person chooses a password."""
    return _link(request, context, user, context.archive.repository.user(user_id))


@router.post("/users/{user_id}/close", response_class=HTMLResponse)
def close_account(request: Request, context: InContext, user: Admin, user_id: RowId) -> Response:
    """Close an account; what the person decided stays."""
    return _changed(request, context, user, user_id, {"is_active": False})


@router.post("/users/{user_id}/open", response_class=HTMLResponse)
def open_account(request: Request, context: InContext, user: Admin, user_id: RowId) -> Response:
    """Open a closed account again."""
    return _changed(request, context, user, user_id, {"is_active": True})


@router.post("/users/{user_id}/sign-out")
def sign_out_everywhere(request: Request, user: Admin, user_id: RowId) -> Response:
    """End every session of an account."""
    end_sessions(request, Principal(user=user), user_id)
    return RedirectResponse(f"/admin/users/{user_id}", status_code=SEE_OTHER)


def _accounts(
    request: Request,
    context: Context,
    user: User,
    form: dict[str, Any],
    *,
    fault: str = "",
    status: int = 200,
) -> Response:
    settings = context.settings
    return context.templates.TemplateResponse(
        request,
        "admin_accounts.html",
        {
            "user": user,
            "accounts": context.archive.repository.users(),
            "form": form,
            "fault": fault,
            "roles": list(Role),
            "role_words": ROLE_WORDS,
            "oidc": settings.oidc,
            "idle_minutes": settings.api.session_idle_minutes,
            "longest_hours": settings.api.session_longest_hours,
        },
        status_code=status,
    )


def _account(
    request: Request,
    context: Context,
    user: User,
    user_id: int,
    *,
    fault: str = "",
    status: int = 200,
) -> Response:
    repository = context.archive.repository
    return context.templates.TemplateResponse(
        request,
        "admin_account.html",
        {
            "user": user,
            "account": repository.user(user_id),
            "sessions": repository.sessions_of(user_id),
            "fault": fault,
            "roles": list(Role),
            "role_words": ROLE_WORDS,
        },
        status_code=status,
    )


def _changed(
    request: Request, context: Context, user: User, user_id: int, wanted: dict[str, Any]
) -> Response:
    try:
        change_account(request, Principal(user=user), user_id, wanted)
    except ApiError as error:
        return _account(request, context, user, user_id, fault=error.detail, status=error.status)
    return RedirectResponse(f"/admin/users/{user_id}", status_code=SEE_OTHER)


def _link(request: Request, context: Context, user: User, account: User) -> Response:
    try:
        link = make_password_link(request, Principal(user=user), account.user_id)
    except ApiError as error:
        return _account(
            request, context, user, account.user_id, fault=error.detail, status=error.status
        )
    return context.templates.TemplateResponse(
        request, "admin_link.html", {"user": user, "account": account, "link": link}
    )
