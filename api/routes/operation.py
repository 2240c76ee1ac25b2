"""`/api/v1/operation`, pausing destinations, sending again: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.operation import (
    destinations_of,
    known_destination,
    operation_of,
    reload_rules,
    replay,
    try_out,
)
from api.operation_schemas import (
    DestinationList,
    ErrandBody,
    OperationBody,
    ReplayBody,
    RulesBody,
    errand_body,
)
from api.problems import problem_responses
from api.schemas import ReplayAnswer
from archive.account_records import Role, Scope
from archive.operation_records import ErrandKind

router = APIRouter(prefix="/api/v1", tags=["deliveries"])

Operator = Annotated[Principal, Depends(allow(Role.ADMIN, scope=Scope.OPERATE))]
RowPath = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]
NamePath = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


@router.get(
    "/operation",
    operation_id="get_operation",
    summary="Queues, processes and destinations as they stand now",
    responses=problem_responses(401, 403, 503),
)
def get_operation(context: InContext, principal: Operator) -> OperationBody:
    """Return what an administrator looks at first."""
    del principal
    return operation_of(context)


@router.get(
    "/destinations",
    operation_id="list_destinations",
    summary="Where results go, and how each destination stands",
    responses=problem_responses(401, 403, 503),
)
def list_destinations(context: InContext, principal: Operator) -> DestinationList:
    """Return every destination of the settings."""
    del principal
    return DestinationList(destinations=destinations_of(context))


@router.post(
    "/deliveries/replay",
    operation_id="replay_deliveries",
    summary="Send several deliveries again, named or all in a state",
    responses=problem_responses(400, 401, 403, 413, 422, 503),
)
def replay_deliveries(
    request: Request, context: InContext, principal: Operator, body: ReplayBody
) -> ReplayAnswer:
    """Put settled deliveries back into the queue; says how many were."""
    count = replay(context, body)
    note(request, principal, AuditAction.REPLAY, count=count)
    return ReplayAnswer(replayed=count)


@router.post(
    "/deliveries/{delivery_id}/give-up",
    operation_id="give_up_delivery",
    summary="Stop trying a delivery that waits",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="No such delivery waits."),
)
def give_up_delivery(
    request: Request, context: InContext, principal: Operator, delivery_id: RowPath
) -> None:
    """Set a delivery aside; it can be sent again later."""
    context.archive.repository.abandon_delivery(delivery_id, reason=f"given up by {principal.name}")
    note(request, principal, AuditAction.GIVE_UP, delivery_id=delivery_id)


@router.put(
    "/destinations/{destination}/pause",
    operation_id="pause_destination",
    summary="Send nothing to a destination until it is resumed",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such destination."),
)
def pause_destination(
    request: Request, context: InContext, principal: Operator, destination: NamePath
) -> None:
    """Pause a destination; what is to be sent waits."""
    name = known_destination(context, destination)
    context.archive.repository.pause_destination(name, paused_by=principal.name)
    note(request, principal, AuditAction.PAUSE, destination=name)


@router.delete(
    "/destinations/{destination}/pause",
    operation_id="resume_destination",
    summary="Send to a destination again",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such destination."),
)
def resume_destination(
    request: Request, context: InContext, principal: Operator, destination: NamePath
) -> None:
    """Resume a destination; safe to repeat."""
    name = known_destination(context, destination)
    context.archive.repository.resume_destination(name)
    note(request, principal, AuditAction.RESUME, destination=name)


@router.post(
    "/rules/reload",
    operation_id="reload_rules",
    summary="Have every node read the rules file again",
    status_code=202,
    responses=problem_responses(
        401, 403, 422, 503, _422="The rules are wrong; the old ones stay in force."
    ),
)
def post_rules_reload(request: Request, context: InContext, principal: Operator) -> RulesBody:
    """Check the rules, then ask the nodes; `get_operation` tells what each works by."""
    rules = reload_rules(context, asked_by=principal.name)
    note(request, principal, AuditAction.RULES_RELOADED, rules_sha256=rules.rules_sha256)
    return rules


@router.post(
    "/destinations/{destination}/echo",
    operation_id="echo_destination",
    summary="Ask a destination whether it is there and knows us",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such destination."),
)
def echo_destination(
    request: Request, context: InContext, principal: Operator, destination: NamePath
) -> ErrandBody:
    """Let a sender try it; `is_ok` is null where none did within a few seconds."""
    return _tried(request, context, principal, ErrandKind.ECHO, destination)


@router.post(
    "/destinations/{destination}/test-send",
    operation_id="send_test_object",
    summary="Send a test object that belongs to no patient",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such destination."),
)
def send_test_object(
    request: Request, context: InContext, principal: Operator, destination: NamePath
) -> ErrandBody:
    """Let a sender store a grey square of the patient HILUM-TEST; it stays there."""
    return _tried(request, context, principal, ErrandKind.TEST_SEND, destination)


@router.get(
    "/errands/{errand_id}",
    operation_id="get_errand",
    summary="What came of an echo or a test object",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such errand."),
)
def get_errand(context: InContext, principal: Operator, errand_id: RowPath) -> ErrandBody:
    """Return one errand."""
    del principal
    return errand_body(context.archive.repository.errand(errand_id))


@router.post(
    "/reviews/{review_id}/retry",
    operation_id="retry_review",
    summary="Try again to make the verified report of a decision",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such failed review."),
)
def retry_review(
    request: Request, context: InContext, principal: Operator, review_id: RowPath
) -> None:
    """Let a worker try a failed review again."""
    context.archive.repository.retry_review(review_id)
    note(request, principal, AuditAction.REPLAY, review_id=review_id)


def _tried(
    request: Request,
    context: Context,
    principal: Principal,
    kind: ErrandKind,
    destination: str,
) -> ErrandBody:
    errand = try_out(context, kind, destination, principal.name)
    note(request, principal, AuditAction.ERRAND, kind=kind, destination=errand.destination)
    return errand_body(errand)
