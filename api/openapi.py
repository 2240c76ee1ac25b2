"""The OpenAPI document: what FastAPI finds, and the problem documents that every route may give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.schemas import FaultBody, Problem

TAGS = [
    {"name": "predict", "description": "One image in, one class out; nothing is kept."},
    {"name": "studies", "description": "What was received, what the model said, what was sent."},
    {"name": "reading", "description": "The worklist, and what radiologists decide."},
    {"name": "images", "description": "Images as the viewer shows them."},
    {"name": "dicomweb", "description": "Search, retrieve and store as PS3.18 says."},
    {"name": "models", "description": "What reviews say of the models."},
    {"name": "deliveries", "description": "Reports on their way to the PACS."},
    {"name": "accounts", "description": "Who may sign in, which programs may ask, what they did."},
    {"name": "health", "description": "For supervisors and monitoring."},
]


def describe(app: FastAPI) -> None:
    """Make `app` give this document; it is made once, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        tags=TAGS,
    )
    _, schemas = models_json_schema(
        [(Problem, "serialization"), (FaultBody, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    known = document.setdefault("components", {}).setdefault("schemas", {})
    known |= schemas["$defs"]
    # FastAPI's own form of a validation error, which is never sent.
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    _demand_revisions(document)
    return document


def _demand_revisions(document: dict[str, Any]) -> None:
    """Say that a decision needs If-Match; the route itself answers 428 where it is missing."""
    for item in document["paths"].values():
        for operation in item.values():
            if "428" not in operation["responses"]:
                continue
            for parameter in operation["parameters"]:
                if parameter["name"] == "If-Match":
                    parameter["required"] = True
                    parameter["schema"] = {"type": "string", "pattern": '^"[0-9]{1,9}"$'}
