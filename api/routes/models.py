"""`/api/v1/models` and `/model`: which models there are, and how well they do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.responses import HTMLResponse

from api.auth.access import allow, allow_page
from api.auth.principal import Principal
from api.bundles import bundle_body, bundle_in_use, card_of
from api.cursors import cursor_after, number_of
from api.dependencies import Context, InContext
from api.disagreements import (
    DisagreementList,
    ai_words,
    disagreement_body,
    reviewer_words,
)
from api.drift import MUCH, DriftList, drift_by_model
from api.errors import UnknownThing
from api.figures import MetricsList, ModelList, figures_by_model
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from archive.account_records import Role, Scope, User

router = APIRouter(tags=["models"])

Watcher = Annotated[Principal, Depends(allow(Role.ML, scope=Scope.EXPORT))]
VersionPath = Annotated[
    str,
    Path(
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$",
        description="Of a model.",
        examples=["1.2.0"],
    ),
]
Cursor = Annotated[
    str | None, Query(max_length=40, description="The `next_cursor` of the page before.")
]

MARKDOWN = "text/markdown; charset=utf-8"
LONGEST_PAGE = 200
ON_PAGE = 24


@router.get(
    "/api/v1/models",
    operation_id="list_models",
    summary="Confusion and agreement of every model version, by what reviewers say",
    responses=problem_responses(401, 403, 503),
)
def list_models(context: InContext, principal: Watcher) -> ModelList:
    """Return the figures whole, by month, by sender and by age, and the bundle in use."""
    del principal
    return ModelList(
        models=figures_by_model(context.archive.repository.judged_results()),
        in_use=bundle_body(bundle_in_use(context.settings)),
    )


@router.get(
    "/api/v1/models/{version}/card",
    operation_id="get_model_card",
    summary="The card of a model: for whom it was made, how, and how good it is",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **problem_responses(401, 403, 404, 422, 503, _404="This host has no bundle of it."),
    },
)
def get_card(context: InContext, principal: Watcher, version: VersionPath) -> Response:
    """Return the card of the bundle in Markdown."""
    del principal
    return Response(card_of(context.settings, version), media_type=MARKDOWN)


@router.get(
    "/api/v1/models/{version}/metrics",
    operation_id="get_model_metrics",
    summary="Confusion and agreement of one model version, by what reviewers say",
    responses=problem_responses(
        401, 403, 404, 422, 503, _404="No result of this version has been reviewed."
    ),
)
def get_metrics(context: InContext, principal: Watcher, version: VersionPath) -> MetricsList:
    """Return the figures whole, by month, by sender and by age."""
    del principal
    models = figures_by_model(
        one for one in context.archive.repository.judged_results() if one.model_version == version
    )
    if not models:
        raise UnknownThing("no result of this version has been reviewed")
    return MetricsList(models=models)


@router.get(
    "/api/v1/models/{version}/drift",
    operation_id="get_model_drift",
    summary="Whether what one model version sees and says changes over time",
    responses=problem_responses(
        401, 403, 404, 422, 503, _404="This version has made no result here."
    ),
)
def get_drift(context: InContext, principal: Watcher, version: VersionPath) -> DriftList:
    """Return month by month what was scored, refused and called positive, and how it shifted."""
    del principal
    models = drift_by_model(
        one for one in context.archive.repository.model_outputs() if one.model_version == version
    )
    if not models:
        raise UnknownThing("this version has made no result here")
    return DriftList(models=models)


@router.get(
    "/api/v1/models/{version}/disagreements",
    operation_id="list_disagreements",
    summary="Results of one model version that reviewers rejected or corrected, newest first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def list_disagreements(
    request: Request,
    response: Response,
    context: InContext,
    _principal: Watcher,
    version: VersionPath,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    cursor: Cursor = None,
) -> DisagreementList:
    """Return one page; names no patient and no reviewer."""
    page = _disagreements(context, limit=limit, cursor=cursor, version=version)
    if page.next_cursor is not None:
        tell_next_page(request, response, limit=limit, cursor=page.next_cursor)
    return page


@router.get("/model", response_class=HTMLResponse, include_in_schema=False)
def model_page(
    request: Request,
    context: InContext,
    user: Annotated[User, Depends(allow_page(Role.ML))],
    cursor: Cursor = None,
) -> Response:
    """Return card, figures, drift and disagreements as a page."""
    repository = context.archive.repository
    bundle = bundle_in_use(context.settings)
    return context.templates.TemplateResponse(
        request,
        "model.html",
        {
            "user": user,
            "models": figures_by_model(repository.judged_results()),
            "bundle": bundle,
            "card": card_of(context.settings, bundle.version) if bundle else "",
            "drifts": drift_by_model(repository.model_outputs()),
            "much": MUCH,
            "gallery": _disagreements(context, limit=ON_PAGE, cursor=cursor),
            "cursor": cursor,
            "ai_words": ai_words,
            "reviewer_words": reviewer_words,
        },
    )


def _disagreements(
    context: Context, *, limit: int, cursor: str | None, version: str | None = None
) -> DisagreementList:
    found = context.archive.repository.disagreements(
        limit=limit + 1, before=number_of(cursor), version=version
    )
    page = found[:limit]
    return DisagreementList(
        disagreements=[disagreement_body(one) for one in page],
        next_cursor=cursor_after(page[-1].judged.review_id) if len(found) > limit else None,
    )
