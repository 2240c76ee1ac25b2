"""The pages for people: reading, and the list of all studies."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.account_schemas import session_body
from api.ahead import fetched_ahead
from api.auth.access import allow_page
from api.dependencies import InContext
from api.navigation import pages_of
from api.schemas import study_summary
from archive.account_records import Role, User

router = APIRouter(include_in_schema=False)

STUDIES_ON_PAGE = 50
# The modules of the reading page, asked for together instead of one after the other.
READING_MODULES = (
    "cases",
    "comparing",
    "deciding",
    "desk",
    "dialogs",
    "grey",
    "inferno",
    "key_rows",
    "keys",
    "live",
    "measure",
    "paint_canvas",
    "paint_webgl",
    "panel",
    "pointer",
    "requests",
    "site",
    "timings",
    "view",
    "viewer",
    "worklist",
)


@router.get("/", response_class=HTMLResponse)
def reading(
    request: Request, context: InContext, user: Annotated[User, Depends(allow_page())]
) -> Response:
    """Return the reading page, or lead who does not read to their own page."""
    if Role.RADIOLOGIST not in user.roles:
        return RedirectResponse(pages_of(user)[0].path, status_code=303)
    return context.templates.TemplateResponse(
        request,
        "reading.html",
        {
            "user": user,
            "review": context.settings.review,
            "is_blind_first": context.settings.review.blind_first or user.is_blind_first,
            "withdraws": context.settings.report.rejection_note,
            "may_review": session_body(user).may_review,
            "modules": READING_MODULES,
            "ahead": fetched_ahead(context),
        },
    )


@router.get("/studies", response_class=HTMLResponse)
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
