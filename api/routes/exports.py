"""`/api/v1/exports`: reviews as tables to take away."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.exports import as_csv, as_parquet
from api.problems import problem_responses
from archive.account_records import Role, Scope
from archive.review_records import JudgedResult

router = APIRouter(prefix="/api/v1/exports", tags=["models"])

Watcher = Annotated[Principal, Depends(allow(Role.ML, scope=Scope.EXPORT))]
CSV = "text/csv; charset=utf-8"
PARQUET = "application/vnd.apache.parquet"


@router.get(
    "/reviews.csv",
    operation_id="export_reviews_csv",
    summary="Every standing decision beside the result it judged, as CSV",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problem_responses(401, 403, 503),
    },
)
def export_csv(request: Request, context: InContext, principal: Watcher) -> Response:
    """Return the table; it names no patient and no reviewer."""
    content = as_csv(context.archive.repository.judged_results(), JudgedResult)
    note(request, principal, AuditAction.EXPORT, form="csv")
    return _file(content, CSV, "reviews.csv")


@router.get(
    "/reviews.parquet",
    operation_id="export_reviews_parquet",
    summary="Every standing decision beside the result it judged, as Parquet",
    response_class=Response,
    responses={
        200: {"content": {PARQUET: {"schema": {"type": "string", "format": "binary"}}}},
        **problem_responses(401, 403, 503),
    },
)
def export_parquet(request: Request, context: InContext, principal: Watcher) -> Response:
    """Return the table; it names no patient and no reviewer."""
    content = as_parquet(context.archive.repository.judged_results(), JudgedResult)
    note(request, principal, AuditAction.EXPORT, form="parquet")
    return _file(content, PARQUET, "reviews.parquet")


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": media_type}
    return Response(content, headers=headers)
