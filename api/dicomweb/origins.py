"""Lets pages of named viewers read `/dicom-web` from their own address (CORS, Fetch 3.2).

A session's cookie never goes along: a viewer brings a token. Nothing else of ours is opened.
"""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/dicom-web/"
# How long a browser may remember the answer.
REMEMBERED_SECONDS = 600


class ViewerOrigins:
    """Answers the browsers of named origins at the addresses of DICOMweb.

    Parameters
    ----------
    origins
        Scheme, host and port; none closes it.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._opened = CORSMiddleware(
            app,
            allow_origins=tuple(origins),
            allow_methods=("GET",),
            allow_headers=("Authorization", "Accept"),
            expose_headers=("Warning",),
            max_age=REMEMBERED_SECONDS,
        )
        self._is_open = bool(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers where they belong."""
        is_ours = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        app = self._opened if self._is_open and is_ours else self._app
        await app(scope, receive, send)
