"""What the reading page asks for first: fetched by the browser while scripts still load."""

from api.blind_first import is_blind_first
from api.dependencies import Context
from archive.account_records import User
from archive.records import StudyDetail

# As `worklist.js` and `cases.js` ask for it; another address would be fetched twice.
WORKLIST_ADDRESS = "/api/v1/worklist?limit=100"
IMAGE_ADDRESSES = ("display", "pixels?level=fit", "modality", "grey?preset=0")


def fetched_ahead(context: Context, user: User) -> list[str]:
    """Return the addresses of the worklist, and of the first case with its image."""
    cap_seconds = context.settings.review.waiting_cap_minutes * 60
    is_blind = is_blind_first(context.settings.review, user)
    repository = context.archive.repository
    items, _ = repository.worklist(limit=1, waiting_cap_seconds=cap_seconds, is_blind=is_blind)
    if not items:
        return [WORKLIST_ADDRESS]
    study_uid = items[0].study.study_uid
    image = _first_image(repository.study(study_uid), is_blind=is_blind)
    return [
        WORKLIST_ADDRESS,
        f"/api/v1/studies/{study_uid}",
        *(f"/api/v1/instances/{image}/{name}" for name in IMAGE_ADDRESSES),
    ]


def _first_image(detail: StudyDetail, *, is_blind: bool) -> str:
    """Return the image that is shown first: the most suspicious, or the one that came first."""
    if is_blind:
        return detail.instances[0].key.sop_instance_uid
    findings = [
        finding for one in detail.results if one.is_current for finding in one.outcome.findings
    ]
    if findings:
        return max(findings, key=lambda finding: finding.probability).sop_instance_uid
    return detail.instances[0].key.sop_instance_uid
