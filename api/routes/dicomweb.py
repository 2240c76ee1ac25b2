"""`/dicom-web`: QIDO-RS, WADO-RS and STOW-RS (PS3.18)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.accounts import public_url
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.dicomweb import encoding, multipart, retrieve, search, store
from api.dicomweb.accept import first_of
from api.dicomweb.objects import StoredObject, content_of, find, header_of, headers_of
from api.errors import NotAcceptable
from api.problems import problem_responses
from api.schemas import UID_PATTERN
from archive.account_records import Role, Scope
from archive.records import StudyUid

router = APIRouter(prefix="/dicom-web", tags=["dicomweb"])

Reader = Annotated[Principal, Depends(allow(scope=Scope.READ))]
Storer = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.STORE))]
Uid = Annotated[str, Path(pattern=UID_PATTERN, max_length=64)]

# PS3.18 10.4.1.1.6: numbers from 1, with commas.
FRAMES = r"^[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*$"
# PS3.18 8.3.5.1.3 and 8.3.5.1.4: width,height, and centre,width,function.
VIEWPORT = r"^$|^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$"
WINDOW = (
    r"^$|^-?[0-9]{1,7}(\.[0-9]{1,6})?,[1-9][0-9]{0,6}(\.[0-9]{1,6})?"
    r"(,(linear|linear-exact|sigmoid))?$"
)

JSON: dict[str, Any] = {"type": "array", "items": {"type": "object"}}


def _found(media_type: str, schema: dict[str, Any], *more: int) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "As asked.", "content": {media_type: {"schema": schema}}},
        **problem_responses(400, 401, 403, 404, 406, 422, 503, *more),
    }


_DICOM_JSON = _found(retrieve.DICOM_JSON, JSON)
_MULTIPART = _found("multipart/related", {"type": "string", "format": "binary"})


@router.get(
    "/studies",
    operation_id="qido_studies",
    summary="Search for studies (QIDO-RS)",
    response_class=Response,
    responses=_DICOM_JSON,
)
def search_studies(request: Request, context: InContext, principal: Reader) -> Response:
    """Return studies that match; keys by keyword or hexadecimal tag."""
    _take_json(request)
    query, warnings = search.study_query(request.query_params.multi_items())
    found, has_more = search.studies(context.archive, query, _address(context))
    if has_more and "limit" not in request.query_params:
        # PS3.18 10.6.3.2.
        warnings.append("more studies match than were returned: ask on with limit and offset")
    note(request, principal, AuditAction.STUDIES_SEARCHED, count=len(found))
    return _dicom_json(found, warnings)


@router.get(
    "/studies/{study_uid}/series",
    operation_id="qido_series",
    summary="Search for the series of a study (QIDO-RS)",
    response_class=Response,
    responses=_DICOM_JSON,
)
def search_series(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return the series of a study, ours included."""
    del principal
    _take_json(request)
    headers = headers_of(context.archive, find(context.archive, study_uid))
    asked = search.included(request.query_params.multi_items())
    return _matched(request, search.series_json(headers, _address(context), asked))


@router.get(
    "/studies/{study_uid}/instances",
    operation_id="qido_study_instances",
    summary="Search for the instances of a study (QIDO-RS)",
    response_class=Response,
    responses=_DICOM_JSON,
)
def search_study_instances(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return the instances of a study, ours included."""
    del principal
    return _instances(request, context, find(context.archive, study_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances",
    operation_id="qido_instances",
    summary="Search for the instances of a series (QIDO-RS)",
    response_class=Response,
    responses=_DICOM_JSON,
)
def search_instances(
    request: Request, context: InContext, principal: Reader, study_uid: Uid, series_uid: Uid
) -> Response:
    """Return the instances of a series."""
    del principal
    return _instances(request, context, find(context.archive, study_uid, series_uid))


@router.get(
    "/studies/{study_uid}/metadata",
    operation_id="wado_study_metadata",
    summary="Metadata of a study (WADO-RS)",
    response_class=Response,
    responses=_DICOM_JSON,
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
    responses=_DICOM_JSON,
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
    responses=_DICOM_JSON,
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
    responses=_found("image/jpeg", {"type": "string", "format": "binary"}),
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
    responses=_found("image/jpeg", {"type": "string", "format": "binary"}),
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


_STORE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "Everything is stored.",
            "content": {retrieve.DICOM_JSON: {"schema": {"type": "object"}}},
        },
        202: {
            "description": "Some is stored; FailedSOPSequence has the rest.",
            "content": {retrieve.DICOM_JSON: {"schema": {"type": "object"}}},
        },
        # The one refusal that is no problem document: PS3.18 table 10.5.3-1 asks for DICOM JSON.
        409: {
            "description": "Nothing is stored; FailedSOPSequence says why.",
            "content": {retrieve.DICOM_JSON: {"schema": {"type": "object"}}},
        },
        **problem_responses(400, 401, 403, 413, 415, 422, 503),
    },
    "response_class": Response,
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": "DICOM files as parts of the kind application/dicom.",
            "content": {"multipart/related": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
}


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/studies", operation_id="stow", summary="Store objects (STOW-RS)", **_STORE)
def store_objects(
    request: Request,
    context: InContext,
    principal: Storer,
    body: Annotated[bytes, Depends(_body)],
) -> Response:
    """Keep objects of any study; what is called stored is durable."""
    return _stored(request, context, principal, body, "")


@router.post(
    "/studies/{study_uid}",
    operation_id="stow_study",
    summary="Store objects of one study (STOW-RS)",
    **_STORE,
)
def store_objects_of_study(
    request: Request,
    context: InContext,
    principal: Storer,
    study_uid: Uid,
    body: Annotated[bytes, Depends(_body)],
) -> Response:
    """Keep objects of this study, and refuse those of others."""
    return _stored(request, context, principal, body, study_uid)


def _stored(
    request: Request, context: Context, principal: Principal, body: bytes, study_uid: str
) -> Response:
    parts = multipart.parts_of(body, request.headers.get("content-type", ""), encoding.DICOM)
    settings = context.settings.node
    stored = store.store(
        (part.content for part in parts),
        context.archive,
        study_uid=study_uid,
        called_ae_title=settings.ae_title,
        minimum_free_bytes=settings.minimum_free_bytes,
    )
    status, content = store.answer(stored, _address(context))
    note(request, principal, AuditAction.OBJECT_STORED, count=len(stored), status=status)
    return JSONResponse(content, status_code=status, media_type=retrieve.DICOM_JSON)


def _instances(request: Request, context: Context, objects: tuple[StoredObject, ...]) -> Response:
    _take_json(request)
    address = _address(context)
    asked = search.included(request.query_params.multi_items())
    found = [search.instance_json(h, address, asked) for h in headers_of(context.archive, objects)]
    return _matched(request, found)


def _metadata(
    request: Request, context: Context, principal: Principal, objects: tuple[StoredObject, ...]
) -> Response:
    _take_json(request)
    address = _address(context)
    _note_read(request, principal, objects[0], count=len(objects))
    return _dicom_json(
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


def _matched(request: Request, found: list[search.Json]) -> Response:
    parameters = request.query_params
    matched = search.matching(found, parameters.multi_items())
    return _dicom_json(search.paged(matched, dict(parameters)), [])


def _take_json(request: Request) -> None:
    first_of(request.headers.get("accept", ""), (retrieve.DICOM_JSON, "application/json"))


def _dicom_json(found: list[search.Json], warnings: list[str]) -> Response:
    headers = {}
    if warnings:
        # PS3.18 8.3.4.2: warn-code 299, the agent, and the words.
        headers["Warning"] = ", ".join(f'299 hilum "{words}"' for words in dict.fromkeys(warnings))
    return JSONResponse(found, media_type=retrieve.DICOM_JSON, headers=headers)


def _address(context: Context) -> str:
    return f"{public_url(context.settings.api)}/dicom-web"


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
