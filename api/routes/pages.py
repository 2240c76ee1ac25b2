"""The pages for people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from api.auth.access import allow_page
from api.dependencies import InContext
from api.schemas import study_summary
from archive.account_records import User

router = APIRouter(include_in_schema=False)

STUDIES_ON_PAGE = 50


@router.get("/", response_class=HTMLResponse)
def studies(
    request: Request, context: InContext, user: Annotated[User, Depends(allow_page())]
) -> Response:
    """Return the newest studies as a table."""
    found, _ = context.archive.repository.studies(limit=STUDIES_ON_PAGE)
    rows = []
    for study in found:
        result = context.archive.repository.current_result(study.study_uid)
        findings = result.outcome.findings if result else ()
        rows.append({"study": study_summary(study), "findings": findings})
    return context.templates.TemplateResponse(request, "studies.html", {"rows": rows, "user": user})
