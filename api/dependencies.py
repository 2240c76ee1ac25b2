"""What routes are given: settings, archive and templates of the application they belong to."""

import threading
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.templating import Jinja2Templates
from prometheus_client import CollectorRegistry, Histogram

from api.auth.attempts import SignInAttempts
from api.auth.openid import OpenIdProvider
from api.changes import ChangeFeed
from api.images.shelf import ImageShelf
from api.metrics import EffortMeters
from archive.database import Archive
from config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Context:
    """What one application holds; made once by `create_app`."""

    settings: Settings
    archive: Archive
    templates: Jinja2Templates
    metrics: CollectorRegistry
    sign_in_attempts: SignInAttempts
    provider: OpenIdProvider | None
    """None: people sign in with passwords only."""
    waits: Histogram
    effort: EffortMeters
    shelf: ImageShelf
    changes: ChangeFeed
    is_stopping: threading.Event
    """Set when the server ends; streams look at it."""
    prediction_slots: threading.BoundedSemaphore
    """Limits how many threads wait for a worker, so that the others stay free for pages."""


def context_of(request: Request) -> Context:
    """Return what the application was made with."""
    context: Context = request.app.state.context
    return context


InContext = Annotated[Context, Depends(context_of)]
