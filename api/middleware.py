"""What wraps every request: a trace id, security headers, and a limit on the body.

Plain ASGI, so that streams pass through unchanged.
"""

import re
import uuid
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLarge
from api.problems import problem_of, unforeseen_problem

# Nothing from other hosts, no inline script or style, no framing (review-ui: runs under this).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Over TLS only (RFC 6797 7.2): a browser that was here once never again asks in plain HTTP.
TRANSPORT_SECURITY = "max-age=31536000"
# Pages and JSON may hold patient data; routes whose content never changes say otherwise.
DEFAULT_CACHE_CONTROL = "no-store"

# W3C Trace Context, level 1, section 3.2.2.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class RequestTrace:
    """Give each request a trace id, the caller's where it sent a `traceparent`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request before anything else sees it."""
        if scope["type"] == "http":
            given = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
            trace_id = given.group(1) if given else uuid.uuid4().hex
            scope.setdefault("state", {})["trace_id"] = trace_id
        await self._app(scope, receive, send)


class LastResort:
    """Answer an error that nobody foresaw with a problem document, and log where it came from."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Catch what the application raises, unless its response has begun."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            await unforeseen_problem(scope, error)(scope, receive, send)


class SecurityHeaders:
    """Add the headers that keep a page from loading, framing or leaking anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add them to whatever is answered."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
                headers.setdefault("Cache-Control", DEFAULT_CACHE_CONTROL)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """Stop reading a body once it is larger than its address takes.

    Parameters
    ----------
    default_bytes
        For JSON and forms.
    upload_bytes
        For the addresses that take images.
    upload_paths
        Beginnings of those addresses.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        default_bytes: int,
        upload_bytes: int,
        upload_paths: Sequence[str],
    ) -> None:
        self._app = app
        self._default_bytes = default_bytes
        self._upload_bytes = upload_bytes
        self._upload_paths = tuple(upload_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse an announced size at once, an unannounced one where it is passed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"].startswith(self._upload_paths)
        limit = self._upload_bytes if is_upload else self._default_bytes
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            await problem_of(scope, _too_large(limit))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def _counted(receive: Receive, limit: int) -> Receive:
    count = 0

    async def receive_up_to_limit() -> Message:
        nonlocal count
        message = await receive()
        if message["type"] == "http.request":
            count += len(message.get("body", b""))
            if count > limit:
                # As HTTPException, the only kind that FastAPI's own body reading lets through.
                raise HTTPException(413, detail=_too_large(limit).detail)
        return message

    return receive_up_to_limit


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body may have {limit} bytes here")
