"""`/api/v1/deliveries`: reports on their way, and sending them again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.errors import StateForbids
from api.problems import problem_responses
from api.schemas import DeliveryList, ReplayAnswer, delivery_body
from archive.account_records import Role, Scope
from archive.records import DeliveryState

router = APIRouter(prefix="/api/v1/deliveries", tags=["deliveries"])

Operator = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.OPERATE))]

LONGEST_LIST = 1000
# The largest value of the archive's delivery ids, which are 32-bit integers.
LARGEST_ID = (1 << 31) - 1


@router.get(
    "",
    operation_id="list_deliveries",
    summary="Deliveries, by state and destination",
    responses=problem_responses(401, 403, 422, 503),
)
def list_deliveries(
    context: InContext,
    _principal: Operator,
    state: Annotated[DeliveryState | None, Query(description="Only these.")] = None,
    destination: Annotated[
        str | None, Query(max_length=64, description="Only to the destination of this name.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST)] = 200,
) -> DeliveryList:
    """Return deliveries with their last DICOM status and reason."""
    found = context.archive.repository.deliveries(state=state, destination=destination, limit=limit)
    return DeliveryList(deliveries=[delivery_body(delivery) for delivery in found])


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
    delivery_id: Annotated[int, Path(ge=1, le=LARGEST_ID)],
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
