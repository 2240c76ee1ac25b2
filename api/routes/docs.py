"""`/docs`: the API described, from the OpenAPI document, without script or other hosts."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.dependencies import InContext

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "put", "post", "patch", "delete")


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request, context: InContext) -> Response:
    """Return the description of every operation as a page."""
    document = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **item[method]}
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for operation in operations:
        by_tag.setdefault(operation["tags"][0], []).append(operation)
    return context.templates.TemplateResponse(
        request,
        "docs.html",
        {
            "info": document["info"],
            "by_tag": by_tag,
            "tags": {tag["name"]: tag["description"] for tag in document.get("tags", ())},
            "schemas": document.get("components", {}).get("schemas", {}),
        },
    )
