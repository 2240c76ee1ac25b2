"""`/api/v1/prior-searches`: who is looked for in other archives, and looking again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.operation_schemas import PriorSearchList, prior_search_body
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from api.schemas import UID_PATTERN
from archive.account_records import Role, Scope
from archive.prior_records import PriorSearchState
from archive.records import StudyUid

router = APIRouter(prefix="/api/v1/prior-searches", tags=["deliveries"])

Operator = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.OPERATE))]

LONGEST_PAGE = 200


@router.get(
    "",
    operation_id="list_prior_searches",
    summary="Searches for priors in other archives, the last made first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def list_prior_searches(
    request: Request,
    response: Response,
    context: InContext,
    _principal: Operator,
    state: Annotated[PriorSearchState | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
    ] = None,
) -> PriorSearchList:
    """Return searches with what came of their last attempt."""
    found, next_cursor = context.archive.repository.prior_searches(
        limit=limit, before=cursor, state=state
    )
    if next_cursor is not None:
        tell_next_page(request, response, limit=limit, cursor=next_cursor, state=state)
    return PriorSearchList(
        searches=[prior_search_body(search) for search in found], next_cursor=next_cursor
    )


@router.post(
    "/{study_uid}/replay",
    operation_id="replay_prior_search",
    summary="Look for the priors of a study again",
    status_code=204,
    responses=problem_responses(
        401, 403, 404, 422, 503, _404="No finished search for this study's priors is known."
    ),
)
def replay_prior_search(
    request: Request,
    context: InContext,
    principal: Operator,
    study_uid: Annotated[
        str, Path(pattern=UID_PATTERN, max_length=64, description="StudyInstanceUID (0020,000D).")
    ],
) -> None:
    """Let a node search again from the start."""
    context.archive.repository.replay_prior_search(StudyUid(study_uid))
    note(request, principal, AuditAction.REPLAY, study_uid=study_uid, what="prior search")
