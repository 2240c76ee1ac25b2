"""Writes every response that is no success as problem+json (RFC 9457).

A browser that goes to an address itself is given the same as a page.
Beside the members of the RFC each problem has a stable `code` for programs, the `trace_id` that
the log line of the request has too, and `errors`, the single faults.
"""

import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Match, compile_path
from starlette.types import Scope

from api.dependencies import Context, context_of
from api.errors import (
    ApiError,
    BodyTooLarge,
    Fault,
    NameTaken,
    PartUnavailable,
    SignInNeeded,
    UnknownThing,
)
from api.navigation import page_above
from api.schemas import FaultBody, Problem
from archive.errors import (
    AlreadyThere,
    ArchiveError,
    ArchiveUnavailable,
    FileDamaged,
    FileMissing,
    NotFound,
)

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger()

# Stable codes of what the framework itself refuses.
_FRAMEWORK_CODES: dict[int, tuple[str, str]] = {
    400: ("malformed_request", "The request cannot be parsed"),
    404: ("not_found", "There is nothing here"),
    405: ("method_not_allowed", "This method is not served here"),
    413: (BodyTooLarge.code, BodyTooLarge.title),
}


def problem_response(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem document of one refused request."""
    problem = Problem(
        type=f"urn:hilum:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        instance=scope["path"],
        code=code,
        trace_id=scope.get("state", {}).get("trace_id", ""),
        errors=[FaultBody(location=f.location, message=f.message, code=f.code) for f in faults],
    )
    sent_headers = {"Cache-Control": "no-store", **(headers or {})}
    if _is_for_a_person(scope):
        return _page_of(scope, problem, sent_headers)
    return JSONResponse(
        problem.model_dump(), status_code=status, headers=sent_headers, media_type=MEDIA_TYPE
    )


def problem_of(scope: Scope, error: ApiError) -> Response:
    """Return the problem document of one of our own errors."""
    return problem_response(
        scope,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        faults=error.faults,
        headers=error.headers,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every foreseen error with a problem document.

    What nobody foresaw is answered by `middleware.LastResort`.
    """
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(SignInNeeded, _sign_in_needed)
    app.add_exception_handler(ArchiveError, _archive_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)


def problem_responses(*statuses: int, **words: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's `responses` for `statuses`, all of them problem documents.

    Parameters
    ----------
    statuses
        HTTP statuses that the operation may answer with.
    words
        A description of its own for a status, as ``_404="No such study."``.
    """
    return {
        status: {
            "description": words.get(f"_{status}", HTTPStatus(status).phrase),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def with_header(name: str, description: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's `responses` for a success that carries a header of its own."""
    return {200: {"headers": {name: {"description": description, "schema": {"type": "string"}}}}}


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods that are served at `path`, for the Allow header of a 405."""
    methods: set[str] = set()
    documented = app.openapi()["paths"]
    for template, operations in documented.items():
        # A path that is documented as it stands is no other path's parameter.
        if template == path or (path not in documented and compile_path(template)[0].match(path)):
            methods |= {name.upper() for name in operations}
    for route in app.routes:
        match, _ = route.matches({"type": "http", "method": "", "path": path, "root_path": ""})
        if match is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    return sorted(methods)


def _is_for_a_person(scope: Scope) -> bool:
    """Return whether a browser goes to this address, instead of a script or a program."""
    return Headers(scope=scope).get("accept", "").startswith("text/html") and "app" in scope


def _page_of(scope: Scope, problem: Problem, headers: Mapping[str, str]) -> Response:
    context: Context = scope["app"].state.context
    page = context.templates.get_template("problem.html").render(
        problem=problem, above=page_above(problem.instance)
    )
    return HTMLResponse(page, status_code=problem.status, headers=dict(headers))


def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - the signature is Starlette's
    return problem_of(request.scope, error)


def _sign_in_needed(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)  # noqa: S101 - the signature is Starlette's
    if request.method in ("GET", "HEAD"):
        return RedirectResponse(f"/sign-in?next={quote(error.path)}", status_code=303)
    # What was to be done is lost; the way back leads to the page on which to do it again.
    context = context_of(request)
    return context.templates.TemplateResponse(
        request,
        "sign_in.html",
        {
            "fault": "the session has ended; sign in and do it again",
            "next": page_above(error.path),
            "provider": context.provider,
        },
        status_code=401,
        headers={"WWW-Authenticate": 'Bearer realm="hilum"'},
    )


def _archive_error(request: Request, error: Exception) -> Response:
    if isinstance(error, AlreadyThere):
        return problem_of(request.scope, NameTaken(str(error)))
    if isinstance(error, NotFound):
        return problem_of(request.scope, UnknownThing("there is no such thing in the archive"))
    if isinstance(error, ArchiveUnavailable):
        _log.warning("archive does not answer", error=type(error).__name__)
        return problem_of(request.scope, PartUnavailable("the archive does not answer now"))
    if isinstance(error, FileMissing | FileDamaged):
        _log.error("a stored file cannot be read", error=type(error).__name__)
    return unforeseen_problem(request.scope, error)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the signature is Starlette's
    found = error.errors()
    if any(fault["type"] == "json_invalid" for fault in found):
        return _framework_problem(request, 400, "the body is not JSON")
    # `input` and `ctx` repeat what the client sent and stay out.
    faults = [
        Fault(
            location=".".join(str(part) for part in fault["loc"]),
            message=fault["msg"],
            code=fault["type"],
        )
        for fault in found
    ]
    return problem_response(
        request.scope,
        status=422,
        code="invalid_request",
        title="The request is not valid",
        detail=f"{len(faults)} part(s) of the request are not permitted; see errors",
        faults=faults,
    )


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the signature is Starlette's
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request.app, request.url.path))
    return _framework_problem(request, error.status_code, "", headers)


def _framework_problem(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    phrase = HTTPStatus(status).phrase
    code, title = _FRAMEWORK_CODES.get(status, (phrase.lower().replace(" ", "_"), phrase))
    return problem_response(
        request.scope,
        status=status,
        code=code,
        title=title,
        detail=detail or HTTPStatus(status).description or phrase,
        headers=headers,
    )


def unforeseen_problem(scope: Scope, error: Exception) -> Response:
    """Log where an error came from and return a problem document that says nothing of it."""
    route = scope.get("route")
    _log.error(
        "request failed",
        method=scope["method"],
        path_template=getattr(route, "path", "none"),
        error=type(error).__name__,
        exception=_way_of(error),
        key=scope.get("state", {}).get("trace_id", ""),
    )
    return problem_response(
        scope,
        status=500,
        code="internal_error",
        title="The server failed",
        detail="the request met a fault of ours; the log has it under the trace_id",
    )


def _way_of(error: Exception) -> str:
    """Return the calls that led to `error`, without its message, which may repeat values."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
