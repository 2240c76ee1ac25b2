"""`/api/v1/instances/...`: one image as the viewer needs it; its content never changes."""

from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.errors import UnknownThing
from api.image_schemas import DisplayBody, display_body
from api.images.shown import ShownImage, digest_of, fit_level, packed, show
from api.problems import problem_responses
from api.schemas import UID_PATTERN
from archive.account_records import Scope
from archive.errors import NotFound
from archive.records import Instance

router = APIRouter(prefix="/api/v1/instances", tags=["images"])

Reader = Annotated[Principal, Depends(allow(scope=Scope.READ))]
ImagePath = Annotated[
    str, Path(pattern=UID_PATTERN, max_length=64, description="SOPInstanceUID (0008,0018).")
]

# A stored object never changes under its UID; only this person's browser may keep it.
FOREVER = "private, max-age=31536000, immutable"
BYTES = "application/octet-stream"


class Level(StrEnum):
    """The sizes in which pixels are sent."""

    FIT = "fit"
    FULL = "full"


def _binary(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string", "format": "binary"}
    return {
        200: {"description": description, "content": {media_type: {"schema": schema}}},
        304: {"description": "The browser has it already."},
        **problem_responses(
            401, 403, 404, 422, 503,
            _404="There is no such image.",
            _422="The image cannot be shown; the detail says why.",
        ),
    }  # fmt: skip


@router.get(
    "/{sop_instance_uid}/display",
    operation_id="get_display",
    summary="Size, spacing, presets and addresses of an image",
    response_model=DisplayBody,
    responses=problem_responses(
        401, 403, 404, 422, 503,
        _404="There is no such image.",
        _422="The image cannot be shown; the detail says why.",
    ),
)  # fmt: skip
def get_display(
    request: Request, context: InContext, principal: Reader, sop_instance_uid: ImagePath
) -> Response:
    """Say what the viewer needs before the pixels come; showing an image is written down."""
    instance = context.archive.repository.instance(sop_instance_uid)
    image = shown_image(context, instance)
    note(
        request,
        principal,
        AuditAction.IMAGE_SHOWN,
        study_uid=instance.key.study_uid,
        sop_instance_uid=sop_instance_uid,
    )
    rows, columns = fit_level(image.pixels).shape
    body = display_body(
        sop_instance_uid,
        image,
        fit_shape=(rows, columns),
        heat_map_threshold=_heat_map_threshold(context, sop_instance_uid),
    )
    return JSONResponse(body.model_dump(mode="json"))


@router.get(
    "/{sop_instance_uid}/pixels",
    operation_id="get_pixels",
    summary="Stored values of an image, row by row",
    response_class=Response,
    responses=_binary(BYTES, "One or two bytes for a pixel, the low byte first."),
)
def get_pixels(
    request: Request,
    context: InContext,
    principal: Reader,
    sop_instance_uid: ImagePath,
    level: Annotated[Level, Query()] = Level.FULL,
) -> Response:
    """Return the pixels as they are stored, before any grey scale."""
    del principal
    image = _image(context, sop_instance_uid)
    return _unchanging(
        request, packed(fit_level(image.pixels) if level is Level.FIT else image.pixels), BYTES
    )


@router.get(
    "/{sop_instance_uid}/grey",
    operation_id="get_grey_table",
    summary="Displayed grey of every stored value, for one preset",
    response_class=Response,
    responses=_binary(BYTES, "65,536 bytes; the index is the stored value's 16-bit pattern."),
)
def get_grey_table(
    request: Request,
    context: InContext,
    principal: Reader,
    sop_instance_uid: ImagePath,
    preset: Annotated[int, Query(ge=0, le=255)] = 0,
) -> Response:
    """Return the table that turns stored values into grey."""
    del principal
    tables = _image(context, sop_instance_uid).grey_tables
    if preset >= len(tables):
        raise UnknownThing("the image has no such preset")
    return _unchanging(request, tables[preset].tobytes(), BYTES)


@router.get(
    "/{sop_instance_uid}/modality",
    operation_id="get_modality_table",
    summary="Modality value of every stored value",
    response_class=Response,
    responses=_binary(BYTES, "65,536 32-bit floats, the low byte first."),
)
def get_modality_table(
    request: Request, context: InContext, principal: Reader, sop_instance_uid: ImagePath
) -> Response:
    """Return the table on which windows that the reader chooses are computed."""
    del principal
    table = _image(context, sop_instance_uid).modality_table
    return _unchanging(request, table.astype(np.dtype("<f4")).tobytes(), BYTES)


@router.get(
    "/{sop_instance_uid}/heatmap",
    operation_id="get_heat_map",
    summary="Where the model looked",
    response_class=Response,
    responses=_binary("image/png", "An 8-bit grey picture that covers the whole image."),
)
def get_heat_map(
    request: Request, context: InContext, principal: Reader, sop_instance_uid: ImagePath
) -> Response:
    """Return the heat map; it shows what the model used, not how far a disease reaches."""
    instance = context.archive.repository.instance(sop_instance_uid)
    if not context.settings.review.heat_map:
        raise UnknownThing("this site shows no heat maps")
    heat_map = context.archive.repository.heat_map(sop_instance_uid)
    content = context.archive.files.read(heat_map.file_key, sha256=heat_map.file_sha256)
    note(
        request,
        principal,
        AuditAction.HEAT_MAP_OPENED,
        study_uid=instance.key.study_uid,
        sop_instance_uid=sop_instance_uid,
    )
    # A better model may make another one: the browser asks each time whether it changed.
    return _unchanging(request, content, "image/png", cache_control="private, no-cache")


def shown_image(context: Context, instance: Instance) -> ShownImage:
    """Return an instance decoded, from the shelf where it is there."""
    return context.shelf.get(
        instance.file_sha256,
        lambda: show(context.archive.files.read(instance.file_key, sha256=instance.file_sha256)),
    )


def _image(context: Context, sop_instance_uid: str) -> ShownImage:
    return shown_image(context, context.archive.repository.instance(sop_instance_uid))


def _heat_map_threshold(context: Context, sop_instance_uid: str) -> float | None:
    if not context.settings.review.heat_map:
        return None
    try:
        return context.archive.repository.heat_map(sop_instance_uid).display_threshold
    except NotFound:
        return None


def _unchanging(
    request: Request, content: bytes, media_type: str, *, cache_control: str = FOREVER
) -> Response:
    etag = f'"{digest_of(content)}"'
    headers = {"ETag": etag, "Cache-Control": cache_control}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
