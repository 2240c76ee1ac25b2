"""Refuses requests that another site makes a browser send (cross-site request forgery).

Browsers say with each request where it comes from: by Sec-Fetch-Site over TLS and on loopback, by
Origin with everything that changes something. Programs with a token are exempt, for no browser
sends a token by itself.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.principal import LOOPBACK_COOKIE, SECURE_COOKIE
from api.errors import CrossSite
from api.problems import problem_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class SameOriginOnly:
    """Lets unsafe requests with a cookie pass only from our own pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse before anything of the request is looked at."""
        if scope["type"] == "http" and is_cross_site(scope):
            error = CrossSite("this request was not made by a page of ours")
            await problem_of(scope, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_cross_site(scope: Scope) -> bool:
    """Return whether another site may have made a browser send this."""
    headers = Headers(scope=scope)
    if scope["method"] in SAFE_METHODS or "authorization" in headers:
        return False
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site != "same-origin"
    origin = headers.get("origin")
    if origin is not None:
        return not _is_own(origin, scope["scheme"], headers.get("host", ""))
    # Not a browser of this century: harmless without a cookie, refused with one.
    cookies = headers.get("cookie", "")
    return f"{LOOPBACK_COOKIE}=" in cookies or f"{SECURE_COOKIE}=" in cookies


def _is_own(origin: str, scheme: str, host: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == scheme and parts.netloc.lower() == host.lower() and bool(host)
