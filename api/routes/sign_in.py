"""The pages on which people sign in, and on which the first account is made."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.audit import AuditAction, note
from api.auth.accounts import checked_user, refuse_faults
from api.auth.passwords import fault_of_password, hash_password
from api.auth.principal import Principal, close_session, open_session, principal_of
from api.auth.secrets import digest
from api.dependencies import Context, InContext
from api.errors import ApiError, UnknownThing
from api.navigation import own_path
from api.routes.session import checked_sign_in
from archive.account_records import Role
from archive.errors import NotFound

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
LINK_IS_OVER = "this link was used, or is too old; an administrator makes another"


@router.get("/sign-in", response_class=HTMLResponse)
def show_sign_in(
    request: Request, context: InContext, next: Annotated[str, Query(max_length=200)] = "/"
) -> Response:
    """Return the form to sign in with."""
    return sign_in_form(request, context, "", next)


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(
    request: Request,
    context: InContext,
    login: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    next: Annotated[str, Form(max_length=200)] = "/",
) -> Response:
    """Open a session and go where the person wanted to; or the form again, with the reason."""
    try:
        user = checked_sign_in(request, context, login, password)
    except ApiError as error:
        response = sign_in_form(request, context, error.detail, next, status=error.status)
        response.headers.update(error.headers)
        return response
    response = RedirectResponse(own_path(next), status_code=SEE_OTHER)
    open_session(request, response, user)
    return response


@router.post("/sign-out")
def sign_out(request: Request, context: InContext) -> Response:
    """End the session here and, where the OpenID provider has one, there; then show the form."""
    principal = principal_of(request)
    response: Response = RedirectResponse("/sign-in", status_code=SEE_OTHER)
    id_token = close_session(request, response)
    if principal is not None:
        note(request, principal, AuditAction.SIGN_OUT)
    there = (
        context.provider.address_to_sign_out(id_token) if context.provider and id_token else None
    )
    if there is None:
        return response
    # A page instead of a redirect: forms of ours may lead to this host only (form-action).
    page = context.templates.TemplateResponse(
        request, "onward.html", {"address": there, "words": "Signing out at the hospital"}
    )
    close_session(request, page)
    return page


@router.get("/setup", response_class=HTMLResponse)
def show_setup(
    request: Request, context: InContext, key: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return the form for the first account, to whom the one-time link was given."""
    if not context.archive.repository.is_setup_offered(digest(key)):
        raise UnknownThing("this link was used, or is too old; restarting the server makes another")
    return context.templates.TemplateResponse(request, "setup.html", {"key": key, "fault": ""})


@router.post("/setup", response_class=HTMLResponse)
def set_up(
    request: Request,
    context: InContext,
    key: Annotated[str, Form(max_length=100)] = "",
    login: Annotated[str, Form(max_length=64)] = "",
    person_name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
) -> Response:
    """Make the first account, an administrator and radiologist, and sign it in."""
    try:
        new = checked_user(
            login=login,
            person_name=person_name,
            roles=frozenset({Role.ADMIN, Role.RADIOLOGIST, Role.ML}),
            password=password,
        )
        user = context.archive.repository.use_setup(digest(key), new)
    except ApiError as error:
        return context.templates.TemplateResponse(
            request, "setup.html", {"key": key, "fault": error.detail}, status_code=error.status
        )
    except NotFound as error:
        raise UnknownThing(str(error)) from None
    note(request, Principal(user=user), AuditAction.SET_UP)
    response = RedirectResponse("/", status_code=SEE_OTHER)
    open_session(request, response, user)
    return response


@router.get("/set-password", response_class=HTMLResponse)
def show_set_password(
    request: Request, context: InContext, key: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return the form on which a person chooses their password, to whom a link was given."""
    return _password_form(request, context, key, "")


@router.post("/set-password", response_class=HTMLResponse)
def set_password(
    request: Request,
    context: InContext,
    key: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
) -> Response:
    """Keep the password and sign the person in."""
    try:
        login = context.archive.repository.user_of_password_link(digest(key)).login
        refuse_faults([("password", fault_of_password(password, login))])
        user = context.archive.repository.use_password_link(digest(key), hash_password(password))
    except ApiError as error:
        return _password_form(request, context, key, error.detail, error.status)
    except NotFound:
        raise UnknownThing(LINK_IS_OVER) from None
    note(request, Principal(user=user), AuditAction.PASSWORD_CHANGED, by="link")
    response = RedirectResponse("/", status_code=SEE_OTHER)
    open_session(request, response, user)
    return response


def _password_form(
    request: Request, context: Context, key: str, fault: str, status: int = 200
) -> Response:
    try:
        account = context.archive.repository.user_of_password_link(digest(key))
    except NotFound:
        raise UnknownThing(LINK_IS_OVER) from None
    return context.templates.TemplateResponse(
        request,
        "set_password.html",
        {"key": key, "fault": fault, "account": account},
        status_code=status,
    )


def sign_in_form(
    request: Request, context: Context, fault: str, target: str, status: int = 200
) -> Response:
    """Return the page to sign in on, with what went wrong before."""
    return context.templates.TemplateResponse(
        request,
        "sign_in.html",
        {
            "fault": fault,
            "next": own_path(target),
            "provider": context.provider,
        },
        status_code=status,
    )
