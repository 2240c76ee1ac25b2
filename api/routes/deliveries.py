"""`/api/v1/deliveries`: reports on their way, and sending them again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.cursors import LARGEST_NUMBER, cursor_after, number_of
from api.dependencies import InContext
from api.errors import StateForbids
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from api.schemas import DeliveryBody, DeliveryList, ReplayAnswer, delivery_body
from archive.account_records import Role, Scope
from archive.records import DeliveryState

router = APIRouter(prefix="/api/v1/deliveries", tags=["deliveries"])

Operator = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.OPERATE))]

DeliveryPath = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]

LONGEST_LIST = 1000


@router.get(
    "",
    operation_id="list_deliveries",
    summary="Deliveries, by state and destination, newest first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def list_deliveries(
    request: Request,
    response: Response,
    context: InContext,
    _principal: Operator,
    state: Annotated[DeliveryState | None, Query(description="Only these.")] = None,
    destination: Annotated[
        str | None, Query(max_length=64, description="Only to the destination of this name.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST)] = 200,
    cursor: Annotated[
        str | None, Query(max_length=40, description="The `next_cursor` of the page before.")
    ] = None,
) -> DeliveryList:
    """Return deliveries with their last DICOM status and reason."""
    found = context.archive.repository.deliveries(
        state=state, destination=destination, limit=limit + 1, before=number_of(cursor)
    )
    page = found[:limit]
    next_cursor = cursor_after(page[-1].delivery_id) if len(found) > limit else None
    if next_cursor is not None:
        tell_next_page(
            request,
            response,
            limit=limit,
            state=state,
            destination=destination,
            cursor=next_cursor,
        )
    return DeliveryList(
        deliveries=[delivery_body(delivery) for delivery in page], next_cursor=next_cursor
    )


# A number, so that `replay` is none: of that path GET is no method.
@router.get(
    "/{delivery_id:int}",
    operation_id="get_delivery",
    summary="One delivery",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such delivery."),
)
def get_delivery(
    context: InContext, _principal: Operator, delivery_id: DeliveryPath
) -> DeliveryBody:
    """Return how one report on its way to one destination stands."""
    return delivery_body(context.archive.repository.delivery(delivery_id))


@router.post(
    "/{delivery_id}/replay",
    operation_id="replay_delivery",
    summary="Send a report again",
    responses=problem_responses(
        401,
        403,
        404,
        409,
        422,
        503,
        _404="There is no such delivery.",
        _409="It is still on its way, or its storage is committed.",
    ),
)
def replay_delivery(
    request: Request,
    context: InContext,
    principal: Operator,
    delivery_id: DeliveryPath,
) -> ReplayAnswer:
    """Put a settled delivery back into the queue; the sender takes it from there."""
    repository = context.archive.repository
    delivery = repository.delivery(delivery_id)
    if repository.replay_deliveries([delivery_id]) == 0:
        raise StateForbids(f"a delivery in state {delivery.state} is not sent again")
    note(
        request,
        principal,
        AuditAction.REPLAY,
        study_uid=delivery.study_uid,
        delivery_id=delivery_id,
    )
    return ReplayAnswer(replayed=1)
