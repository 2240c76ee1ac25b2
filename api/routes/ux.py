"""`/api/v1/ux`: how long readers waited, as histograms for Prometheus; bare numbers only."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import InContext
from api.problems import problem_responses
from api.schemas import ApiModel
from archive.account_records import Role

router = APIRouter(prefix="/api/v1", tags=["reading"])

LONGEST_MILLISECONDS = 600_000


class Waited(StrEnum):
    """For what a reader waited."""

    FIRST_IMAGE = "first_image"
    NEXT_IMAGE = "next_image"


class WaitingBody(ApiModel):
    """One measured wait."""

    what: Waited
    milliseconds: float = Field(strict=True, ge=0, le=LONGEST_MILLISECONDS)


@router.post(
    "/ux",
    operation_id="tell_waiting",
    summary="Tell how long the reader waited",
    status_code=204,
    responses=problem_responses(400, 401, 403, 413, 422, 503),
)
def tell_waiting(
    context: InContext,
    principal: Annotated[Principal, Depends(allow(Role.RADIOLOGIST, is_active=False))],
    body: WaitingBody,
) -> None:
    """Count one wait."""
    del principal
    context.waits.labels(body.what).observe(body.milliseconds / 1000)
