"""`/api/v1/users`, `/api/v1/tokens`: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from api.account_schemas import (
    NewTokenAnswer,
    NewTokenBody,
    NewUserBody,
    PasswordLinkBody,
    TokenBody,
    TokenList,
    UserBody,
    UserChanges,
    UserList,
    new_token_answer,
    token_body,
    user_body,
)
from api.administration import (
    change_account,
    end_sessions,
    end_token,
    make_account,
    make_password_link,
    make_token,
)
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.problems import problem_responses
from archive.account_records import Role

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
    """Make an account; without a password, one is chosen by a link."""
    del context
    user = make_account(
        request,
        principal,
        login=body.login,
        person_name=body.person_name,
        roles=frozenset(body.roles),
        password=body.password,
        organisation=body.organisation,
        is_shared=body.is_shared,
    )
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
    del context
    return user_body(change_account(request, principal, user_id, body.model_dump()))


@router.post(
    "/users/{user_id}/password-link",
    operation_id="make_password_link",
    summary="Make a one-time address at which a person chooses their password",
    status_code=201,
    responses=problem_responses(
        401, 403, 404, 409, 422, 503,
        _404="There is no such account, or it is closed.",
        _409="The account signs in through the OpenID provider.",
    ),
)  # fmt: skip
def post_password_link(
    request: Request, context: InContext, principal: Admin, user_id: RowId
) -> PasswordLinkBody:
    """Make the address; any earlier one of this account ends."""
    del context
    return PasswordLinkBody(address=make_password_link(request, principal, user_id))


@router.delete(
    "/users/{user_id}/sessions",
    operation_id="end_sessions",
    summary="Sign a person out everywhere",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such account."),
)
def delete_sessions(request: Request, context: InContext, principal: Admin, user_id: RowId) -> None:
    """End every session of an account."""
    del context
    end_sessions(request, principal, user_id)


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
    del context
    new = make_token(
        request, principal, name=body.name, scopes=frozenset(body.scopes), days=body.days
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
    del context
    return token_body(end_token(request, principal, token_id))
