"""Finds out who asks: a person with a session cookie, or a program with a token."""

from dataclasses import dataclass, replace

from fastapi import Request
from starlette.responses import Response

from api.auth.scopes import scopes_of
from api.auth.secrets import digest, is_secret_of, new_secret, read_token
from api.dependencies import Context, context_of
from archive.account_records import ApiToken, User
from archive.repository.signing_in import session_id_of

# The __Host- prefix binds a cookie to this very host and to TLS (RFC 6265bis 4.1.3.2); browsers
# refuse it over plain HTTP, which is served to this machine only.
SECURE_COOKIE = "__Host-hilum"
LOOPBACK_COOKIE = "hilum"
BEARER = "bearer "
LONGEST_BROWSER_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who asks; exactly one of person and program."""

    user: User | None = None
    token: ApiToken | None = None

    @property
    def name(self) -> str:
        """What the audit trail calls them."""
        if self.user is not None:
            return self.user.login
        return f"token:{self.token.token_id}" if self.token else ""


def principal_of(request: Request, *, is_active: bool = True) -> Principal | None:
    """Return who asks, or None; a request with a token never uses its cookies.

    Parameters
    ----------
    request
        What was asked.
    is_active
        False for what a page asks by itself, which does not keep a session open.
    """
    context = context_of(request)
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _program(context, authorization)
    secret = request.cookies.get(cookie_name(request))
    if not secret:
        return None
    user = context.archive.repository.session_user(
        digest(secret),
        idle_seconds=context.settings.api.session_idle_minutes * 60,
        longest_seconds=context.settings.api.session_longest_hours * 3600,
        is_active=is_active,
    )
    return Principal(user=user) if user else None


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie on this kind of connection."""
    return SECURE_COOKIE if request.url.scheme == "https" else LOOPBACK_COOKIE


def open_session(
    request: Request, response: Response, user: User, *, id_token: str | None = None
) -> None:
    """Sign a person in: a new session, whose secret only the browser gets.

    Parameters
    ----------
    request
        Tells which browser it is.
    response
        Gets the cookie.
    user
        Who.
    id_token
        What the OpenID provider said, where it signed the person in.
    """
    secret = new_secret()
    context = context_of(request)
    context.archive.repository.drop_old_sessions(
        longest_seconds=context.settings.api.session_longest_hours * 3600
    )
    context.archive.repository.open_session(
        user.user_id,
        digest(secret),
        address=request.client.host if request.client else "",
        browser=request.headers.get("user-agent", "")[:LONGEST_BROWSER_NAME],
        id_token=id_token,
    )
    response.set_cookie(
        cookie_name(request),
        secret,
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict",
        path="/",
    )


def close_session(request: Request, response: Response) -> str | None:
    """Sign out whoever the cookie belongs to; return the ID token of who came by a provider."""
    secret = request.cookies.get(cookie_name(request))
    id_token = (
        context_of(request).archive.repository.close_session(digest(secret)) if secret else None
    )
    response.delete_cookie(
        cookie_name(request),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return id_token


def own_session_id(request: Request) -> str:
    """Return what names the session that a request belongs to; empty without one."""
    secret = request.cookies.get(cookie_name(request))
    return session_id_of(digest(secret)) if secret else ""


def _program(context: Context, authorization: str) -> Principal | None:
    if authorization[: len(BEARER)].lower() != BEARER:
        return None
    text = read_token(authorization[len(BEARER) :].strip())
    if text is None:
        return None
    found = context.archive.repository.token(text.token_id)
    if found is None or not is_secret_of(text.secret, found.secret_digest):
        return None
    if found.owner_roles is None:
        return Principal(token=found.token)
    # A person's token never does more than the person may do today.
    scopes = found.token.scopes & scopes_of(found.owner_roles)
    return Principal(token=replace(found.token, scopes=scopes))
