"""The pages for people: reading, and the list of all studies."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.account_schemas import session_body
from api.ahead import fetched_ahead
from api.audit import AuditAction, note
from api.auth.access import allow_page
from api.auth.principal import Principal
from api.blind_first import is_blind_first, is_unread
from api.dependencies import Context, InContext
from api.navigation import pages_of
from api.schemas import UID_PATTERN, study_summary
from api.timeline import timeline
from archive.account_records import Role, User
from archive.records import StudyState, StudyUid

router = APIRouter(include_in_schema=False)

STUDIES_ON_PAGE = 50
# As a browser's date field gives it.
DAY = r"^(\d{4}-\d{2}-\d{2})?$"
# The modules of the reading page, asked for together instead of one after the other.
READING_MODULES = (
    "cases",
    "comparing",
    "deciding",
    "desk",
    "dialogs",
    "effort",
    "grey",
    "inferno",
    "key_rows",
    "keys",
    "live",
    "losing",
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


class Looked(BaseModel):
    """What is looked for on the page of all studies; empty: anything."""

    text: str = Field(default="", max_length=64)
    state: StudyState | Literal[""] = ""
    first_date: str = Field(default="", pattern=DAY)
    last_date: str = Field(default="", pattern=DAY)

    @property
    def is_any(self) -> bool:
        """Whether anything is looked for."""
        return any((self.text.strip(), self.state, self.first_date, self.last_date))


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
            "is_blind_first": is_blind_first(context.settings.review, user),
            "withdraws": context.settings.report.rejection_note,
            "may_review": session_body(user).may_review,
            "modules": READING_MODULES,
            "ahead": fetched_ahead(context, user),
        },
    )


@router.get("/studies", response_class=HTMLResponse)
def studies(
    request: Request, context: InContext, user: Annotated[User, Depends(allow_page())]
) -> Response:
    """Return the newest studies as a table."""
    return _studies_page(request, context, user, Looked())


@router.post("/studies", response_class=HTMLResponse)
def searched_studies(
    request: Request,
    context: InContext,
    user: Annotated[User, Depends(allow_page())],
    looked: Annotated[Looked, Form()],
) -> Response:
    """Return the studies that are looked for; by POST, so that no name stands in an address."""
    return _studies_page(request, context, user, looked)


@router.get("/studies/{study_uid}", response_class=HTMLResponse)
def study(
    request: Request,
    context: InContext,
    user: Annotated[User, Depends(allow_page())],
    study_uid: Annotated[str, Path(pattern=UID_PATTERN, max_length=64)],
) -> Response:
    """Return what happened to one study."""
    uid = StudyUid(study_uid)
    repository = context.archive.repository
    detail, reviews = repository.study(uid), repository.reviews_of(uid)
    is_covered = is_blind_first(context.settings.review, user) and is_unread(reviews)
    note(request, Principal(user=user), AuditAction.STUDY_OPENED, study_uid=study_uid)
    return context.templates.TemplateResponse(
        request,
        "study.html",
        {
            "user": user,
            "study": study_summary(detail.study),
            "events": timeline(detail, reviews, is_covered=is_covered).events,
        },
    )


def _studies_page(request: Request, context: Context, user: User, looked: Looked) -> Response:
    found, _ = context.archive.repository.studies(
        limit=STUDIES_ON_PAGE,
        text=looked.text.strip(),
        state=StudyState(looked.state) if looked.state else None,
        first_date=looked.first_date.replace("-", ""),
        last_date=looked.last_date.replace("-", ""),
    )
    if looked.is_any:
        note(request, Principal(user=user), AuditAction.STUDIES_SEARCHED, count=len(found))
    is_blind = is_blind_first(context.settings.review, user)
    repository = context.archive.repository
    rows = []
    for one in found:
        result = repository.current_result(one.study_uid)
        findings = result.outcome.findings if result else ()
        is_covered = bool(is_blind and findings and is_unread(repository.reviews_of(one.study_uid)))
        rows.append(
            {
                "study": study_summary(one),
                "findings": () if is_covered else findings,
                "is_covered": is_covered,
            }
        )
    return context.templates.TemplateResponse(
        request,
        "studies.html",
        {"rows": rows, "user": user, "looked": looked, "states": list(StudyState)},
    )
