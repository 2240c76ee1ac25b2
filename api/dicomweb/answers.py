"""What the routes of `/dicom-web` share: who asks, how what was found is answered (PS3.18)."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from starlette.responses import JSONResponse, Response

from api.auth.access import allow
from api.auth.accounts import public_url
from api.auth.principal import Principal
from api.dependencies import Context
from api.dicomweb import search
from api.dicomweb.accept import first_of
from api.dicomweb.retrieve import DICOM_JSON
from api.problems import problem_responses
from api.schemas import UID_PATTERN
from archive.account_records import Scope

PREFIX = "/dicom-web"

Reader = Annotated[Principal, Depends(allow(scope=Scope.READ))]
Uid = Annotated[str, Path(pattern=UID_PATTERN, max_length=64)]

JSON: dict[str, Any] = {"type": "array", "items": {"type": "object"}}


def found_responses(
    media_type: str, schema: dict[str, Any], *more: int
) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a route that finds something of a media type."""
    return {
        200: {"description": "As asked.", "content": {media_type: {"schema": schema}}},
        **problem_responses(400, 401, 403, 404, 406, 422, 503, *more),
    }


FOUND_JSON = found_responses(DICOM_JSON, JSON)


def take_json(request: Request) -> None:
    """Refuse a request that takes no DICOM JSON."""
    first_of(request.headers.get("accept", ""), (DICOM_JSON, "application/json"))


def dicom_json(found: list[search.Json], warnings: list[str]) -> Response:
    """Return what was found as DICOM JSON."""
    headers = {}
    if warnings:
        # PS3.18 8.3.4.2: warn-code 299, the agent, and the words.
        headers["Warning"] = ", ".join(f'299 hilum "{words}"' for words in dict.fromkeys(warnings))
    return JSONResponse(found, media_type=DICOM_JSON, headers=headers)


def address_of(context: Context) -> str:
    """Return where this service is, for the addresses in answers."""
    return f"{public_url(context.settings.api)}{PREFIX}"
