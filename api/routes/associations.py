"""`/api/v1/associations` and its page: who called at the DICOM port, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from api.association_schemas import AssociationList, association_body
from api.auth.access import allow, allow_page
from api.auth.principal import Principal
from api.calls import PATH, CallFilter, call_page
from api.dependencies import InContext
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from archive.account_records import Role, Scope, User
from archive.association_records import AssociationOutcome

router = APIRouter()

Operator = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.OPERATE))]
Admin = Annotated[User, Depends(allow_page(Role.ADMIN))]

LONGEST_PAGE = 500


@router.get(
    "/api/v1/associations",
    tags=["deliveries"],
    operation_id="list_associations",
    summary="Who called at the DICOM port and what came of it, the last that ended first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def list_associations(
    request: Request,
    response: Response,
    context: InContext,
    _principal: Operator,
    peer: Annotated[
        str, Query(max_length=64, description="Calling AE title in any case, or network address.")
    ] = "",
    outcome: Annotated[AssociationOutcome | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 100,
    cursor: Annotated[
        str, Query(max_length=40, description="The `next_cursor` of the page before.")
    ] = "",
) -> AssociationList:
    """Return associations, and callers who were turned away."""
    wanted = CallFilter(peer=peer, outcome=outcome or "", cursor=cursor)
    page = call_page(context, wanted, limit=limit)
    if page.older:
        tell_next_page(
            request, response, limit=limit, cursor=page.older, peer=peer or None, outcome=outcome
        )
    return AssociationList(
        associations=[association_body(line) for line in page.calls],
        next_cursor=page.older or None,
    )


@router.get(PATH, response_class=HTMLResponse, include_in_schema=False)
def associations_page(
    request: Request, context: InContext, user: Admin, wanted: Annotated[CallFilter, Query()]
) -> Response:
    """Return one page of the log."""
    return context.templates.TemplateResponse(
        request,
        "associations.html",
        {
            "user": user,
            "page": call_page(context, wanted),
            "outcomes": list(AssociationOutcome),
        },
    )
