"""WADO-RS under `/dicom-web` (PS3.18 10.4)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.audit import AuditAction, note
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.dicomweb import encoding, multipart, retrieve
from api.dicomweb.accept import first_of
from api.dicomweb.answers import (
    FOUND_JSON,
    PREFIX,
    Reader,
    Uid,
    address_of,
    dicom_json,
    found_responses,
    take_json,
)
from api.dicomweb.objects import StoredObject, content_of, find, header_of
from api.errors import NotAcceptable
from archive.records import StudyUid

router = APIRouter(prefix=PREFIX, tags=["dicomweb"])

# PS3.18 10.4.1.1.6: numbers from 1, with commas.
FRAMES = r"^[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*$"
# PS3.18 8.3.5.1.3 and 8.3.5.1.4: width,height, and centre,width,function.
VIEWPORT = r"^$|^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$"
WINDOW = (
    r"^$|^-?[0-9]{1,7}(\.[0-9]{1,6})?,[1-9][0-9]{0,6}(\.[0-9]{1,6})?"
    r"(,(linear|linear-exact|sigmoid))?$"
)

_MULTIPART = found_responses("multipart/related", {"type": "string", "format": "binary"})


@router.get(
    "/studies/{study_uid}/metadata",
    operation_id="wado_study_metadata",
    summary="Metadata of a study (WADO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def study_metadata(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return every element but the pixels."""
    return _metadata(request, context, principal, find(context.archive, study_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}/metadata",
    operation_id="wado_series_metadata",
    summary="Metadata of a series (WADO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def series_metadata(
    request: Request, context: InContext, principal: Reader, study_uid: Uid, series_uid: Uid
) -> Response:
    """Return every element but the pixels."""
    return _metadata(request, context, principal, find(context.archive, study_uid, series_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}/metadata",
    operation_id="wado_instance_metadata",
    summary="Metadata of an instance (WADO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def instance_metadata(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Uid,
    series_uid: Uid,
    sop_instance_uid: Uid,
) -> Response:
    """Return every element but the pixels."""
    found = find(context.archive, study_uid, series_uid, sop_instance_uid)
    return _metadata(request, context, principal, found)


@router.get(
    "/studies/{study_uid}",
    operation_id="wado_study",
    summary="The objects of a study (WADO-RS)",
    response_class=Response,
    responses=_MULTIPART,
)
def retrieve_study(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return the objects as they are stored."""
    return _objects(request, context, principal, find(context.archive, study_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}",
    operation_id="wado_series",
    summary="The objects of a series (WADO-RS)",
    response_class=Response,
    responses=_MULTIPART,
)
def retrieve_series(
    request: Request, context: InContext, principal: Reader, study_uid: Uid, series_uid: Uid
) -> Response:
    """Return the objects as they are stored."""
    return _objects(request, context, principal, find(context.archive, study_uid, series_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}",
    operation_id="wado_instance",
    summary="One object (WADO-RS)",
    response_class=Response,
    responses=_MULTIPART,
)
def retrieve_instance(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Uid,
    series_uid: Uid,
    sop_instance_uid: Uid,
) -> Response:
    """Return the object as it is stored."""
    found = find(context.archive, study_uid, series_uid, sop_instance_uid)
    return _objects(request, context, principal, found)


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}/frames/{frames}",
    operation_id="wado_frames",
    summary="Frames of an image (WADO-RS)",
    response_class=Response,
    responses=_MULTIPART,
)
def retrieve_frames(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Uid,
    series_uid: Uid,
    sop_instance_uid: Uid,
    frames: Annotated[str, Path(pattern=FRAMES, max_length=200, examples=["1"])],
) -> Response:
    """Return frames: compressed as they are stored where that is taken, else decoded."""
    [one] = find(context.archive, study_uid, series_uid, sop_instance_uid)
    parts = encoding.frames_as(
        request.headers.get("accept", ""),
        content_of(context.archive, one),
        [int(number) for number in frames.split(",")],
    )
    _note_read(request, principal, one)
    return _related(parts)


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}/rendered",
    operation_id="wado_rendered",
    summary="An image as people see it (WADO-RS)",
    response_class=Response,
    responses=found_responses("image/jpeg", {"type": "string", "format": "binary"}),
)
def rendered(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Uid,
    series_uid: Uid,
    sop_instance_uid: Uid,
    viewport: Annotated[str, Query(pattern=VIEWPORT)] = "",
    window: Annotated[str, Query(pattern=WINDOW)] = "",
) -> Response:
    """Return a JPEG or PNG; `window` is centre,width,function, `viewport` width,height."""
    [one] = find(context.archive, study_uid, series_uid, sop_instance_uid)
    return _picture(request, context, principal, one, viewport, window)


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}/thumbnail",
    operation_id="wado_thumbnail",
    summary="A small picture of an image (WADO-RS)",
    response_class=Response,
    responses=found_responses("image/jpeg", {"type": "string", "format": "binary"}),
)
def thumbnail(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Uid,
    series_uid: Uid,
    sop_instance_uid: Uid,
) -> Response:
    """Return a small JPEG or PNG."""
    [one] = find(context.archive, study_uid, series_uid, sop_instance_uid)
    side = retrieve.THUMBNAIL_SIDE
    return _picture(request, context, principal, one, f"{side},{side}", "")


def _metadata(
    request: Request, context: Context, principal: Principal, objects: tuple[StoredObject, ...]
) -> Response:
    take_json(request)
    address = address_of(context)
    _note_read(request, principal, objects[0], count=len(objects))
    return dicom_json(
        [retrieve.metadata(header_of(context.archive, one), address) for one in objects], []
    )


def _objects(
    request: Request, context: Context, principal: Principal, objects: tuple[StoredObject, ...]
) -> Response:
    accept = request.headers.get("accept", "")
    asked, _ = first_of(accept, (encoding.DICOM,))
    is_single = not asked.is_multipart and asked.media_type == encoding.DICOM
    if is_single and len(objects) > 1:
        raise NotAcceptable("several objects come as multipart/related only")
    parts = list(encoding.objects_as(accept, (content_of(context.archive, one) for one in objects)))
    _note_read(request, principal, objects[0], count=len(objects))
    if is_single:
        return Response(parts[0].content, headers={"Content-Type": parts[0].media_type})
    return _related(parts)


def _related(parts: list[multipart.Part]) -> Response:
    kind = parts[0].media_type.partition(";")[0]
    body, content_type = multipart.body_of(parts, kind)
    return Response(body, headers={"Content-Type": content_type})


def _picture(
    request: Request,
    context: Context,
    principal: Principal,
    one: StoredObject,
    viewport: str,
    window: str,
) -> Response:
    _, media_type = first_of(request.headers.get("accept", ""), ("image/jpeg", "image/png"))
    content = retrieve.picture(
        content_of(context.archive, one), kind=media_type, viewport=viewport, window=window
    )
    _note_read(request, principal, one)
    return Response(content, media_type=media_type)


def _note_read(
    request: Request, principal: Principal, one: StoredObject, *, count: int = 1
) -> None:
    note(
        request,
        principal,
        AuditAction.OBJECT_READ,
        study_uid=StudyUid(one.key.study_uid),
        count=count,
    )
