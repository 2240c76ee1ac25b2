"""STOW-RS under `/dicom-web` (PS3.18 10.5)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.dicomweb import encoding, multipart, retrieve, store
from api.dicomweb.answers import PREFIX, Uid, address_of
from api.problems import problem_responses
from archive.account_records import Role, Scope

router = APIRouter(prefix=PREFIX, tags=["dicomweb"])

Storer = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.STORE))]

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
    status, content = store.answer(stored, address_of(context))
    note(request, principal, AuditAction.OBJECT_STORED, count=len(stored), status=status)
    return JSONResponse(content, status_code=status, media_type=retrieve.DICOM_JSON)
