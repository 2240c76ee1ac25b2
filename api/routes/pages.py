"""The pages for people."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.dependencies import InContext
from api.schemas import study_summary

router = APIRouter(include_in_schema=False)

STUDIES_ON_PAGE = 50


@router.get("/", response_class=HTMLResponse)
def studies(request: Request, context: InContext) -> Response:
    """Return the newest studies as a table."""
    found, _ = context.archive.repository.studies(limit=STUDIES_ON_PAGE)
    rows = []
    for study in found:
        result = context.archive.repository.current_result(study.study_uid)
        findings = result.outcome.findings if result else ()
        rows.append({"study": study_summary(study), "findings": findings})
    return context.templates.TemplateResponse(request, "studies.html", {"rows": rows})
