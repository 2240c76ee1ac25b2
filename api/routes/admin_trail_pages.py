"""`/admin/tokens` and `/admin/audit`: tokens and the audit trail as pages, without script."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.account_schemas import AuditCheck
from api.administration import end_token, make_token
from api.audit import AuditAction, note
from api.auth.access import allow_page
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.errors import ApiError
from api.page_words import SCOPE_WORDS
from api.routes.audit import checked_trail
from api.schemas import UID_PATTERN
from archive.account_records import Role, Scope, User

router = APIRouter(prefix="/admin", include_in_schema=False)

Admin = Annotated[User, Depends(allow_page(Role.ADMIN))]
TokenId = Annotated[str, Path(pattern="^[0-9a-f]{10}$")]
SEE_OTHER = 303
LINES_ON_PAGE = 100


@router.get("/tokens", response_class=HTMLResponse)
def tokens(request: Request, context: InContext, user: Admin) -> Response:
    """Return all tokens without their secrets, and the form for another."""
    return _tokens(request, context, user)


@router.post("/tokens", response_class=HTMLResponse)
def add_token_here(
    request: Request,
    context: InContext,
    user: Admin,
    name: Annotated[str, Form(max_length=200)] = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int, Form()] = 0,
) -> Response:
    """Make a token and show it, this once."""
    try:
        new = make_token(
            request, Principal(user=user), name=name, scopes=frozenset(scopes or ()), days=days
        )
    except ApiError as error:
        return _tokens(request, context, user, fault=error.detail, status=error.status)
    return context.templates.TemplateResponse(
        request,
        "token_made.html",
        {"user": user, "token": new.token, "text": new.text, "back": "/admin/tokens"},
    )


@router.post("/tokens/{token_id}/end")
def end_token_here(request: Request, user: Admin, token_id: TokenId) -> Response:
    """End a token at once."""
    end_token(request, Principal(user=user), token_id)
    return RedirectResponse("/admin/tokens", status_code=SEE_OTHER)


@router.get("/audit", response_class=HTMLResponse)
def audit(
    request: Request,
    context: InContext,
    user: Admin,
    actor: Annotated[str, Query(max_length=80)] = "",
    action: Annotated[str, Query(max_length=32)] = "",
    study_uid: Annotated[str, Query(pattern=rf"^$|{UID_PATTERN}", max_length=64)] = "",
    before: Annotated[int | None, Query(ge=1, le=(1 << 31) - 1)] = None,
    check: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """Return lines of the audit trail; looking at it is written down too."""
    wanted = {"actor": actor.strip(), "action": action, "study_uid": study_uid}
    given = {name: value for name, value in wanted.items() if value}
    events = context.archive.repository.audit_events(
        limit=LINES_ON_PAGE + 1, before=before, **given
    )
    note(request, Principal(user=user), AuditAction.AUDIT_READ)
    page = events[:LINES_ON_PAGE]
    older = ""
    if len(events) > LINES_ON_PAGE:
        older = f"/admin/audit?{urlencode(given | {'before': page[-1].event_id})}"
    found: AuditCheck | None = checked_trail(context.archive) if check else None
    return context.templates.TemplateResponse(
        request,
        "admin_audit.html",
        {
            "user": user,
            "events": page,
            "older": older,
            "wanted": wanted,
            "actions": sorted(AuditAction),
            "check": found,
        },
    )


def _tokens(
    request: Request, context: Context, user: User, *, fault: str = "", status: int = 200
) -> Response:
    return context.templates.TemplateResponse(
        request,
        "admin_tokens.html",
        {
            "user": user,
            "tokens": context.archive.repository.tokens(),
            "now": datetime.now(UTC),
            "scopes": list(Scope),
            "scope_words": SCOPE_WORDS,
            "fault": fault,
        },
        status_code=status,
    )
