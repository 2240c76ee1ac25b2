"""`/ops`: queues, destinations and failures on one page, without script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.audit import AuditAction, note
from api.auth.access import allow_page
from api.auth.principal import Principal
from api.calls import CallFilter, call_page
from api.delivering import explanation, may_be_given_up, may_be_replayed, report_of, steps_of
from api.dependencies import InContext
from api.errors import RulesRefused
from api.failures import FailurePlace, ReplayForm, failure_page, replay_failures
from api.operation import known_destination, operation_of, reload_rules, try_out
from api.routes.deliveries import DeliveryPath, replay_delivery
from api.routes.operation import give_up_delivery
from api.routes.priors import replay_prior_search
from api.schemas import UID_PATTERN
from archive.account_records import Role, User
from archive.operation_records import ErrandKind
from archive.prior_records import PriorSearchState
from dicom_node.statuses import words_for

router = APIRouter(prefix="/ops", include_in_schema=False)

Admin = Annotated[User, Depends(allow_page(Role.ADMIN))]
SEARCHES_ON_PAGE = 50
CALLS_ON_OPERATION_PAGE = 10
SEE_OTHER = 303
ERRANDS = {"echo": ErrandKind.ECHO, "test-send": ErrandKind.TEST_SEND}


@router.get("", response_class=HTMLResponse)
def operation(
    request: Request,
    context: InContext,
    user: Admin,
    wanted: Annotated[FailurePlace, Query()],
) -> Response:
    """Return how the installation stands, with the failures that are looked for."""
    return _page(request, context, user, wanted)


def _page(
    request: Request,
    context: InContext,
    user: User,
    wanted: FailurePlace,
    *,
    rules_fault: str = "",
    status: int = 200,
) -> Response:
    repository = context.archive.repository
    searches = [
        search
        for state in (PriorSearchState.GAVE_UP, PriorSearchState.WAITING, PriorSearchState.DONE)
        for search in repository.prior_searches(limit=SEARCHES_ON_PAGE, state=state)[0]
    ]
    return context.templates.TemplateResponse(
        request,
        "ops.html",
        {
            "user": user,
            "operation": operation_of(context),
            "failures": failure_page(context, wanted),
            "words_for": words_for,
            "failed_reviews": repository.failed_reviews(),
            "search_counts": repository.prior_search_counts(),
            "searches": searches[:SEARCHES_ON_PAGE],
            "sources": [one.name for one in context.settings.sources if one.priors],
            "rules_fault": rules_fault,
            "calls": call_page(context, CallFilter(), limit=CALLS_ON_OPERATION_PAGE).calls,
        },
        status_code=status,
    )


@router.get("/deliveries/{delivery_id}", response_class=HTMLResponse)
def delivery(
    request: Request, context: InContext, user: Admin, delivery_id: DeliveryPath
) -> Response:
    """Return one report on its way to one destination: its steps, and what can be done."""
    found = context.archive.repository.delivery(delivery_id)
    return context.templates.TemplateResponse(
        request,
        "delivery.html",
        {
            "user": user,
            "delivery": found,
            "steps": steps_of(found),
            "words_for": words_for,
            "explanation": explanation,
            "may_replay": may_be_replayed(found),
            "may_give_up": may_be_given_up(found),
            "object": report_of(context.archive.repository.study(found.study_uid), found),
        },
    )


@router.post("/deliveries/{delivery_id}/replay")
def replay_one(
    request: Request, context: InContext, user: Admin, delivery_id: DeliveryPath
) -> Response:
    """Send one delivery again."""
    replay_delivery(request, context, Principal(user=user), delivery_id)
    return RedirectResponse(f"/ops/deliveries/{delivery_id}", status_code=SEE_OTHER)


@router.post("/deliveries/{delivery_id}/give-up")
def give_up_one(
    request: Request, context: InContext, user: Admin, delivery_id: DeliveryPath
) -> Response:
    """Try one delivery no longer."""
    give_up_delivery(request, context, Principal(user=user), delivery_id)
    return RedirectResponse(f"/ops/deliveries/{delivery_id}", status_code=SEE_OTHER)


@router.post("/prior-searches/{study_uid}/replay")
def search_again(
    request: Request,
    context: InContext,
    user: Admin,
    study_uid: Annotated[str, Path(pattern=UID_PATTERN, max_length=64)],
) -> Response:
    """Look for the priors of a study again."""
    replay_prior_search(request, context, Principal(user=user), study_uid)
    return RedirectResponse("/ops#priors", status_code=SEE_OTHER)


@router.post("/replay")
def replay_from_page(
    request: Request,
    context: InContext,
    user: Admin,
    form: Annotated[ReplayForm, Form()],
) -> Response:
    """Send the chosen deliveries again, or all given up that the filter shows."""
    if form.delivery_id or form.everything:
        count = replay_failures(context, form)
        note(request, Principal(user=user), AuditAction.REPLAY, count=count)
    return RedirectResponse(form.address(), status_code=SEE_OTHER)


@router.post("/rules/reload")
def reload_from_page(request: Request, context: InContext, user: Admin) -> Response:
    """Have every node read the rules again, or say what is wrong with them."""
    try:
        rules = reload_rules(context, asked_by=user.login)
    except RulesRefused as error:
        return _page(
            request,
            context,
            user,
            FailurePlace(),
            rules_fault=error.detail,
            status=error.status,
        )
    note(
        request,
        Principal(user=user),
        AuditAction.RULES_RELOADED,
        rules_sha256=rules.rules_sha256,
    )
    return RedirectResponse("/ops", status_code=SEE_OTHER)


@router.post("/destinations/{destination}/{change}")
def change_destination(
    request: Request, context: InContext, user: Admin, destination: str, change: str
) -> Response:
    """Pause, resume or try a destination."""
    principal = Principal(user=user)
    name = known_destination(context, destination)
    if change in ERRANDS:
        try_out(context, ERRANDS[change], name, user.login)
        note(request, principal, AuditAction.ERRAND, kind=ERRANDS[change], destination=name)
    elif change == "pause":
        context.archive.repository.pause_destination(name, paused_by=user.login)
        note(request, principal, AuditAction.PAUSE, destination=name)
    else:
        context.archive.repository.resume_destination(name)
        note(request, principal, AuditAction.RESUME, destination=name)
    return RedirectResponse("/ops", status_code=SEE_OTHER)


@router.post("/reviews/{review_id}/retry")
def retry_from_page(request: Request, context: InContext, user: Admin, review_id: int) -> Response:
    """Let a worker try a failed review again."""
    context.archive.repository.retry_review(review_id)
    note(request, Principal(user=user), AuditAction.REPLAY, review_id=review_id)
    return RedirectResponse("/ops", status_code=SEE_OTHER)
