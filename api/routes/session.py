"""`/api/v1/session`: signing in and out as JSON, for the pages' own scripts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.account_schemas import Credentials, SessionBody, session_body
from api.audit import AuditAction, address_of, note
from api.auth.access import allow
from api.auth.accounts import user_who_signs_in
from api.auth.principal import Principal, close_session, open_session
from api.dependencies import Context, InContext
from api.errors import Forbidden, Unauthenticated
from api.problems import problem_responses
from archive.account_records import User

router = APIRouter(prefix="/api/v1/session", tags=["accounts"])


@router.post(
    "",
    operation_id="sign_in",
    summary="Sign in",
    responses=problem_responses(
        400, 401, 403, 413, 422, 429, 503, _401="Login or password is wrong.",
        _429="Too many tries; see Retry-After.",
    ),
)  # fmt: skip
def sign_in(
    request: Request, response: Response, context: InContext, credentials: Credentials
) -> SessionBody:
    """Open a session and set its cookie."""
    user = checked_sign_in(request, context, credentials.login, credentials.password)
    open_session(request, response, user)
    return session_body(user)


@router.get(
    "",
    operation_id="get_session",
    summary="Who is signed in",
    responses=problem_responses(401, 403, 503),
)
def get_session(principal: Annotated[Principal, Depends(allow())]) -> SessionBody:
    """Return the account of the session."""
    return session_body(person(principal))


@router.delete(
    "",
    operation_id="sign_out",
    summary="Sign out",
    status_code=204,
    responses=problem_responses(401, 403, 503),
)
def sign_out(
    request: Request, response: Response, principal: Annotated[Principal, Depends(allow())]
) -> None:
    """End the session on the server; its cookie is worth nothing any more."""
    close_session(request, response)
    note(request, principal, AuditAction.SIGN_OUT)


def checked_sign_in(request: Request, context: Context, login: str, password: str) -> User:
    """Return who signs in, and write down that they did, or that it was tried.

    Raises
    ------
    TooManyAttempts
        For this login or from this address.
    Unauthenticated
        Login or password is wrong; it does not say which.
    """
    login = login.strip().casefold()
    context.sign_in_attempts.count(login=login, address=address_of(request))
    user = user_who_signs_in(context.archive, login=login, password=password)
    if user is None:
        note(request, None, AuditAction.SIGN_IN, actor=login, outcome="refused")
        raise Unauthenticated("login or password is wrong", code="sign_in_refused")
    note(request, Principal(user=user), AuditAction.SIGN_IN)
    return user


def person(principal: Principal) -> User:
    """Return the person who asks; a rule without a scope has let nobody else pass."""
    if principal.user is None:
        raise Forbidden("this needs a person who is signed in")
    return principal.user
