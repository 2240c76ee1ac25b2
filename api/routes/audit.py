"""`/api/v1/audit`: who did what, whether the trail is whole, and the trail to take away."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from api.account_schemas import AuditCheck, AuditPage, audit_event_body
from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from api.schemas import UID_PATTERN
from archive.account_records import Role
from archive.database import Archive
from archive.errors import AuditBroken

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Admin = Annotated[Principal, Depends(allow(Role.ADMIN))]
JSON_LINES = "application/jsonl"


@router.get(
    "/audit",
    operation_id="list_audit",
    summary="The audit trail, newest first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 422, 503),
    },
)
def list_audit(
    request: Request,
    response: Response,
    context: InContext,
    principal: Admin,
    actor: Annotated[str | None, Query(max_length=80)] = None,
    action: Annotated[AuditAction | None, Query()] = None,
    study_uid: Annotated[str | None, Query(pattern=UID_PATTERN, max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=(1 << 31) - 1)] = None,
) -> AuditPage:
    """Return what was done by whom; looking at it is written down too."""
    events = context.archive.repository.audit_events(
        limit=limit + 1, before=before, actor=actor, action=action, study_uid=study_uid
    )
    note(request, principal, AuditAction.AUDIT_READ)
    page = events[:limit]
    next_before = page[-1].event_id if len(events) > limit else None
    if next_before is not None:
        tell_next_page(
            request,
            response,
            limit=limit,
            before=next_before,
            actor=actor,
            action=action,
            study_uid=study_uid,
        )
    return AuditPage(events=[audit_event_body(event) for event in page], next_before=next_before)


@router.get(
    "/audit/check",
    operation_id="check_audit",
    summary="Whether the audit trail is whole",
    responses=problem_responses(401, 403, 503),
)
def check_audit(context: InContext, principal: Admin) -> AuditCheck:
    """Recompute the chain of digests from the first line to the last."""
    del principal
    return checked_trail(context.archive)


@router.get(
    "/audit/export",
    operation_id="export_audit",
    summary="The whole audit trail, one JSON object a line, the oldest first",
    response_class=Response,
    responses={
        200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}},
        **problem_responses(401, 403, 503),
    },
)
def export_audit(request: Request, context: InContext, principal: Admin) -> Response:
    """Return every line with its digests, so that others can recompute the chain."""
    note(request, principal, AuditAction.EXPORT, form="audit")
    lines = (
        audit_event_body(event).model_dump_json() + "\n"
        for event in context.archive.repository.all_audit_events()
    )
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(lines, media_type=JSON_LINES, headers=headers)


def checked_trail(archive: Archive) -> AuditCheck:
    """Return whether the audit trail is whole, in words."""
    try:
        count = archive.repository.verify_audit()
    except AuditBroken as error:
        return AuditCheck(is_whole=False, line_count=0, detail=str(error))
    return AuditCheck(is_whole=True, line_count=count, detail="every digest fits")
