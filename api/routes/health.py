"""`/health/live` and `/health/ready`, for supervisors and load balancers."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, Response

from api.dependencies import Context, InContext
from api.schemas import Check, Liveness, Readiness
from archive.errors import ArchiveError
from archive.records import ProcessBeat, ProcessKind

# A part beats every two seconds; after this it counts as missing.
BEAT_LIMIT_SECONDS = 10.0
# Stages at which nothing is under way any more.
SETTLED_STAGES = frozenset({"gave_up", "failed"})

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="get_liveness", summary="Does the web process answer")
def live() -> Liveness:
    """Answer without touching database or disk."""
    return Liveness(status="alive")


@router.get(
    "/ready",
    operation_id="get_readiness",
    summary="Can radiographs come in, be analysed and go out",
    responses={503: {"model": Readiness, "description": "Some part is missing; see `missing`."}},
)
def ready(context: InContext, response: Response) -> Readiness:
    """Say of each part whether it works; 503 as long as one does not."""
    checks = _checks(context)
    missing = [name for name, check in checks.items() if not check.is_ok]
    if missing:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        status="not ready" if missing else "ready",
        missing=missing,
        oldest_job_age_seconds=_oldest_age(context),
        checks=checks,
    )


def _checks(context: Context) -> dict[str, Check]:
    disk = _tried(lambda: _disk(context))
    try:
        beats = context.archive.repository.beats()
    except ArchiveError as error:
        missing = Check(is_ok=False, detail=f"the database does not answer: {error}")
        unknown = Check(is_ok=False, detail="unknown, since the database does not answer")
        return {"database": missing, "disk": disk} | {kind.value: unknown for kind in ProcessKind}
    parts = {kind.value: _part(kind, beats) for kind in ProcessKind}
    return {"database": Check(is_ok=True, detail="answers"), "disk": disk} | parts


def _tried(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ArchiveError as error:
        return Check(is_ok=False, detail=str(error))


def _disk(context: Context) -> Check:
    free = context.archive.files.free_bytes()
    needed = context.settings.node.minimum_free_bytes
    return Check(
        is_ok=free >= needed, detail=f"{free} bytes free, {needed} needed to take radiographs"
    )


def _part(kind: ProcessKind, beats: tuple[ProcessBeat, ...]) -> Check:
    ages = [beat.age_seconds for beat in beats if beat.kind is kind]
    if not ages:
        return Check(is_ok=False, detail="has never run here")
    running = sum(age <= BEAT_LIMIT_SECONDS for age in ages)
    if not running:
        return Check(is_ok=False, detail=f"last seen {min(ages):.0f} s ago")
    return Check(is_ok=True, detail=f"{running} running")


def _oldest_age(context: Context) -> float:
    try:
        depths = context.archive.repository.queue_depths()
    except ArchiveError:
        return 0.0
    waiting = [d.oldest_age_seconds for d in depths if d.count and d.stage not in SETTLED_STAGES]
    return max(waiting, default=0.0)
