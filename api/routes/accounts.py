"""`/api/v1/users`, `/api/v1/tokens`, `/api/v1/audit`: for administrators."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.account_schemas import (
    AuditCheck,
    AuditPage,
    NewTokenAnswer,
    NewTokenBody,
    NewUserBody,
    TokenBody,
    TokenList,
    UserBody,
    UserChanges,
    UserList,
    audit_event_body,
    new_token_answer,
    token_body,
    user_body,
)
from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.accounts import add_token, add_user, fault_of_person_name, refuse_faults
from api.auth.passwords import fault_of_password, hash_password
from api.auth.principal import Principal
from api.dependencies import InContext
from api.errors import StateForbids
from api.problems import problem_responses, with_header
from api.schemas import UID_PATTERN
from archive.account_records import Role
from archive.errors import AuditBroken

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Admin = Annotated[Principal, Depends(allow(Role.ADMIN))]
# Ids are 32-bit integers in the archive.
RowId = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]


@router.get(
    "/users",
    operation_id="list_users",
    summary="All accounts",
    responses=problem_responses(401, 403, 503),
)
def list_users(context: InContext, principal: Admin) -> UserList:
    """Return all accounts by login, active or not."""
    del principal
    return UserList(users=[user_body(user) for user in context.archive.repository.users()])


@router.post(
    "/users",
    operation_id="add_user",
    summary="Make an account",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 413, 422, 503, _409="The login is taken."),
)
def post_user(
    request: Request, context: InContext, principal: Admin, body: NewUserBody
) -> UserBody:
    """Make an account that signs in with a password."""
    user = add_user(
        context.archive,
        login=body.login,
        person_name=body.person_name,
        roles=frozenset(body.roles),
        password=body.password,
        organisation=body.organisation,
        is_shared=body.is_shared,
    )
    note(request, principal, AuditAction.USER_ADDED, login=user.login, roles=sorted(user.roles))
    return user_body(user)


@router.patch(
    "/users/{user_id}",
    operation_id="change_user",
    summary="Change an account",
    responses=problem_responses(
        400, 401, 403, 404, 409, 413, 422, 503,
        _409="It is the last active administrator.",
    ),
)  # fmt: skip
def patch_user(
    request: Request, context: InContext, principal: Admin, user_id: RowId, body: UserChanges
) -> UserBody:
    """Change an account; who loses a role, or gets another password, is signed out."""
    changes = _changes_of(body)
    if not changes.get("is_active", True) or Role.ADMIN not in changes.get("roles", {Role.ADMIN}):
        _keep_an_administrator(context, user_id)
    user = context.archive.repository.change_user(user_id, changes)
    note(request, principal, AuditAction.USER_CHANGED, login=user.login, changed=sorted(changes))
    return user_body(user)


@router.get(
    "/tokens",
    operation_id="list_tokens",
    summary="All tokens, without their secrets",
    responses=problem_responses(401, 403, 503),
)
def list_tokens(context: InContext, principal: Admin) -> TokenList:
    """Return all tokens, the newest first."""
    del principal
    return TokenList(tokens=[token_body(token) for token in context.archive.repository.tokens()])


@router.post(
    "/tokens",
    operation_id="add_token",
    summary="Make a token",
    status_code=201,
    responses=problem_responses(400, 401, 403, 413, 422, 503),
)
def post_token(
    request: Request, context: InContext, principal: Admin, body: NewTokenBody
) -> NewTokenAnswer:
    """Make a token for a program; its text is in this answer and nowhere else."""
    new = add_token(
        context.archive,
        name=body.name,
        scopes=frozenset(body.scopes),
        created_by=principal.name,
        life=timedelta(days=body.days),
    )
    note(
        request,
        principal,
        AuditAction.TOKEN_ADDED,
        token_id=new.token.token_id,
        scopes=sorted(new.token.scopes),
    )
    return new_token_answer(new)


@router.delete(
    "/tokens/{token_id}",
    operation_id="revoke_token",
    summary="End a token",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such token."),
)
def delete_token(
    request: Request,
    context: InContext,
    principal: Admin,
    token_id: Annotated[str, Path(pattern="^[0-9a-f]{10}$")],
) -> TokenBody:
    """End a token at once; its row stays, so that it can be told what it did."""
    token = context.archive.repository.revoke_token(token_id)
    note(request, principal, AuditAction.TOKEN_REVOKED, token_id=token_id)
    return token_body(token)


@router.get(
    "/audit",
    operation_id="list_audit",
    summary="The audit trail, newest first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 422, 503),
    },
)
def list_audit(
    request: Request,
    response: Response,
    context: InContext,
    principal: Admin,
    actor: Annotated[str | None, Query(max_length=80)] = None,
    action: Annotated[AuditAction | None, Query()] = None,
    study_uid: Annotated[str | None, Query(pattern=UID_PATTERN, max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=(1 << 31) - 1)] = None,
) -> AuditPage:
    """Return what was done by whom; looking at it is written down too."""
    del principal
    events = context.archive.repository.audit_events(
        limit=limit + 1, before=before, actor=actor, action=action, study_uid=study_uid
    )
    page = events[:limit]
    next_before = page[-1].event_id if len(events) > limit else None
    if next_before is not None:
        query = {"limit": limit, "before": next_before, "actor": actor, "action": action}
        query |= {"study_uid": study_uid}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        response.headers["Link"] = f'<{request.url.path}?{text}>; rel="next"'
    return AuditPage(events=[audit_event_body(event) for event in page], next_before=next_before)


@router.get(
    "/audit/check",
    operation_id="check_audit",
    summary="Whether the audit trail is whole",
    responses=problem_responses(401, 403, 503),
)
def check_audit(context: InContext, principal: Admin) -> AuditCheck:
    """Recompute the chain of digests from the first line to the last."""
    del principal
    try:
        count = context.archive.repository.verify_audit()
    except AuditBroken as error:
        return AuditCheck(is_whole=False, line_count=0, detail=str(error))
    return AuditCheck(is_whole=True, line_count=count, detail="every digest fits")


def _changes_of(body: UserChanges) -> dict[str, Any]:
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    faults = [("roles", "" if changes.get("roles", [1]) else "an account has at least one role")]
    if "person_name" in changes:
        changes["person_name"] = changes["person_name"].strip()
        faults.append(("person_name", fault_of_person_name(changes["person_name"])))
    password = changes.pop("password", None)
    if password is not None:
        faults.append(("password", fault_of_password(password, "")))
    refuse_faults(faults)
    if password is not None:
        changes["password_hash"] = hash_password(password)
    return changes


def _keep_an_administrator(context: InContext, user_id: int) -> None:
    others = [
        user
        for user in context.archive.repository.users()
        if user.is_active and Role.ADMIN in user.roles and user.user_id != user_id
    ]
    if not others:
        raise StateForbids("at least one active administrator stays", code="last_administrator")
