"""Makes the web application and runs it; the entry point of the `api` process."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator

from api.auth.accounts import public_url
from api.auth.attempts import SignInAttempts
from api.auth.openid import OpenIdProvider
from api.auth.origin import SameOriginOnly
from api.changes import ChangeFeed
from api.dependencies import Context
from api.dicomweb.origins import ViewerOrigins
from api.images.shelf import ImageShelf
from api.metrics import ArchiveCollector, EffortMeters, waiting_histogram
from api.middleware import BodyLimit, LastResort, RequestTrace, SecurityHeaders
from api.navigation import ADMIN_PAGES, FURTHER_PAGES, OWN_PAGE, page_above, pages_of
from api.openapi import describe
from api.page_words import day, moment, person_words, second
from api.problems import add_problem_handlers
from api.routes import ALL_ROUTERS
from api.server import GRACEFUL_SHUTDOWN_SECONDS, WebServer
from api.static_files import FOLDER, UnchangingFiles, versioned_path
from api.tls import WebTls
from archive.database import Archive
from config.settings import ApiSettings, Settings
from config.watchdog import expect_no_more

# Of the interface under /api/v1, which only grows; not of the program.
API_VERSION = "1.0"
WEB = Path(__file__).with_name("web")
DEFAULT_BODY_BYTES = 1 << 20
# Boundaries and part headers around an upload.
MULTIPART_ROOM_BYTES = 1 << 16
UPLOAD_PATHS = ("/predict", "/dicom-web/")
CONCURRENT_PREDICTIONS = 16
LISTEN_BACKLOG = 512

_log = structlog.get_logger()


def create_app(
    settings: Settings, archive: Archive, stop: threading.Event | None = None
) -> FastAPI:
    """Return the web application around `archive`; it opens no port and starts no thread.

    Parameters
    ----------
    settings
        Of this installation.
    archive
        What is shown and asked.
    stop
        Ends open streams when set.

    Raises
    ------
    OSError
        A file that the settings name cannot be read.
    """
    app = FastAPI(
        title="Hilum",
        version=API_VERSION,
        summary="Chest-radiograph AI node: studies, findings, reports and their deliveries.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    registry = CollectorRegistry()
    registry.register(ArchiveCollector(archive, settings))
    app.state.context = Context(
        settings=settings,
        archive=archive,
        templates=Jinja2Templates(env=_template_environment()),
        metrics=registry,
        sign_in_attempts=SignInAttempts(),
        provider=_provider(settings),
        waits=waiting_histogram(registry),
        effort=EffortMeters(registry),
        shelf=ImageShelf(),
        changes=ChangeFeed(archive),
        is_stopping=stop or threading.Event(),
        prediction_slots=threading.BoundedSemaphore(CONCURRENT_PREDICTIONS),
    )
    _wrap(app, settings.api, registry)
    add_problem_handlers(app)
    describe(app)
    for router in ALL_ROUTERS:
        app.include_router(router)
    app.mount(versioned_path(), UnchangingFiles(directory=FOLDER))
    app.mount("/static", StaticFiles(directory=FOLDER), name="static")
    return app


def run(
    settings: Settings,
    archive: Archive,
    stop: threading.Event,
    *,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until `stop` is set; open requests are then finished, streams cut.

    Raises
    ------
    OSError
        The port cannot be bound, the certificate not used, or a file that the settings name not
        read.
    """
    # uvicorn's own lines name paths with UIDs; problems.py logs what fails, without values.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    tls = _tls_of(settings.api, archive)
    config = uvicorn.Config(
        create_app(settings, archive, stop),
        ssl_context_factory=(lambda _config, _default: tls.first) if tls else None,
        proxy_headers=bool(settings.api.trusted_proxies),
        forwarded_allow_ips=list(settings.api.trusted_proxies),
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )
    server = WebServer(config, archive=archive, tls=tls, stop=stop, on_ready=on_ready)
    # Signals belong to the command line, which sets `stop`.
    server.capture_signals = nullcontext  # type: ignore[assignment,method-assign]
    with _bound_socket(settings.api) as listener:
        _log.info("web server listens", host=settings.api.host, port=settings.api.port)
        try:
            server.run(sockets=[listener])
        finally:
            expect_no_more()
    _log.info("web server stopped")


def _tls_of(settings: ApiSettings, archive: Archive) -> WebTls | None:
    """Return the TLS to serve, if any; a certificate of no use ends the start here."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return WebTls(
        settings.tls_certificate,
        settings.tls_key,
        reload_number=archive.repository.last_rule_reload(),
    )


def _provider(settings: Settings) -> OpenIdProvider | None:
    return OpenIdProvider(settings.oidc, public_url(settings.api)) if settings.oidc.is_on else None


def _bound_socket(settings: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server(
        (settings.host, settings.port), family=family, backlog=LISTEN_BACKLOG
    )


def _template_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        pages_of=pages_of,
        page_above=page_above,
        further_pages=FURTHER_PAGES,
        own_page=OWN_PAGE,
        admin_pages=ADMIN_PAGES,
        static=versioned_path(),
    )
    environment.filters.update(moment=moment, second=second, day=day, person=person_words)
    return environment


def _wrap(app: FastAPI, settings: ApiSettings, registry: CollectorRegistry) -> None:
    """Add the middleware; the last one added is the outermost."""
    app.add_middleware(
        BodyLimit,
        default_bytes=DEFAULT_BODY_BYTES,
        upload_bytes=settings.maximum_upload_bytes + MULTIPART_ROOM_BYTES,
        upload_paths=UPLOAD_PATHS,
    )
    Instrumentator(
        registry=registry,
        should_group_status_codes=False,
        should_group_untemplated=True,
        excluded_handlers=["^/static", "^/metrics$", "^/health/"],
    ).instrument(app, metric_namespace="hilum")
    app.add_middleware(SameOriginOnly)
    app.add_middleware(LastResort)
    app.add_middleware(ViewerOrigins, origins=settings.viewer_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestTrace)
