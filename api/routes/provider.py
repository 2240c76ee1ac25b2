"""Signing in through the hospital's OpenID provider: the way there and the way back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.audit import AuditAction, address_of, note
from api.auth.openid import Identity, OpenIdProvider
from api.auth.openid_accounts import user_of_identity
from api.auth.principal import Principal, open_session
from api.auth.secrets import digest, new_secret
from api.dependencies import Context, InContext
from api.errors import ApiError, Unauthenticated, UnknownThing
from api.navigation import own_path
from api.routes.sign_in import SEE_OTHER, sign_in_form
from archive.account_records import OidcAttempt, User
from archive.errors import NotFound

router = APIRouter(prefix="/sign-in", include_in_schema=False)

# Binds a sign-in to the browser that began it. Lax, for the provider sends the browser back.
SECURE_COOKIE = "__Host-hilum-provider"
LOOPBACK_COOKIE = "hilum-provider"
COOKIE_SECONDS = 600
LONGEST_CODE = 4096
PROVIDER = "provider"


@router.get("/provider")
def go_to_provider(
    request: Request, context: InContext, next: Annotated[str, Query(max_length=200)] = "/"
) -> Response:
    """Send the browser to the provider."""
    provider = _provider_of(context)
    state = new_secret()
    attempt = OidcAttempt(code_verifier=new_secret(), nonce=new_secret(), target=own_path(next))
    try:
        context.sign_in_attempts.count(address=address_of(request))
        address = provider.address_to_sign_in(state, attempt)
    except ApiError as error:
        return _form_with(request, context, error, next)
    context.archive.repository.begin_oidc(digest(state), attempt)
    response = RedirectResponse(address, status_code=SEE_OTHER)
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if is_secure else LOOPBACK_COOKIE,
        state,
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=is_secure,
        samesite="lax",
        path="/",
    )
    return response


@router.get("/return", response_class=HTMLResponse)
def come_back(
    request: Request,
    context: InContext,
    state: Annotated[str, Query(max_length=100)] = "",
    code: Annotated[str, Query(max_length=LONGEST_CODE)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Sign in whom the provider has signed in, or show the form with the reason."""
    provider = _provider_of(context)
    try:
        attempt = _attempt_of(request, context, state)
        identity = _identity(request, provider, code, attempt, iss)
        user = _user(request, context, provider, identity)
    except ApiError as error:
        return _form_with(request, context, error, "/")
    # A page instead of a redirect: a browser keeps the session's cookie (SameSite=Strict) back from
    # where a redirect of another site leads.
    response = context.templates.TemplateResponse(
        request, "onward.html", {"address": attempt.target, "words": "Signed in"}
    )
    open_session(request, response, user, id_token=identity.id_token)
    response.delete_cookie(_cookie_name(request), path="/", secure=request.url.scheme == "https")
    return response


def _provider_of(context: Context) -> OpenIdProvider:
    if context.provider is None:
        raise UnknownThing("people sign in with passwords only here")
    return context.provider


def _attempt_of(request: Request, context: Context, state: str) -> OidcAttempt:
    """Return what was remembered of this browser's sign-in, once."""
    if not state or request.cookies.get(_cookie_name(request)) != state:
        raise Unauthenticated("this sign-in was not begun in this browser; begin again")
    try:
        return context.archive.repository.end_oidc(digest(state))
    except NotFound:
        raise Unauthenticated("this sign-in took too long; begin again") from None


def _identity(
    request: Request,
    provider: OpenIdProvider,
    code: str,
    attempt: OidcAttempt,
    issuer: str | None,
) -> Identity:
    try:
        if not code:
            raise Unauthenticated(
                "the hospital's sign-in was not completed", code="sign_in_refused"
            )
        return provider.identity(code, attempt, issuer=issuer)
    except Unauthenticated as error:
        note(request, None, AuditAction.SIGN_IN, outcome="refused", by=PROVIDER)
        raise error from None


def _user(request: Request, context: Context, provider: OpenIdProvider, identity: Identity) -> User:
    try:
        user = user_of_identity(context.archive, provider.settings, identity)
    except ApiError as error:
        actor = identity.subject[:200]
        note(request, None, AuditAction.SIGN_IN, actor=actor, outcome="refused", by=PROVIDER)
        raise error from None
    note(request, Principal(user=user), AuditAction.SIGN_IN, by=PROVIDER, roles=sorted(user.roles))
    return user


def _form_with(request: Request, context: Context, error: ApiError, target: str) -> Response:
    response = sign_in_form(request, context, error.detail, target, status=error.status)
    response.headers.update(error.headers)
    return response


def _cookie_name(request: Request) -> str:
    return SECURE_COOKIE if request.url.scheme == "https" else LOOPBACK_COOKIE
