"""`/metrics` for Prometheus."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from api.dependencies import InContext

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Figures for Prometheus; counts and ages, no patient data",
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus text format."}},
)
def metrics(context: InContext) -> Response:
    """Return the figures of this process and of the archive."""
    return Response(generate_latest(context.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})
