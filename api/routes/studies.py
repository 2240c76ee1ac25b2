"""`/api/v1/studies`: what was received, what the model said, what was sent."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.blind_first import covered_priors, is_blind_first, is_unread
from api.bundles import calibrated_on
from api.dependencies import InContext
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from api.review_schemas import CaseBody, case_body
from api.schemas import UID_PATTERN, StudyPage, StudySearch, study_summary
from api.timeline import Timeline, timeline
from archive.account_records import Scope
from archive.records import StudyState, StudyUid

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])
# Beside, not below: what follows `studies/` is a UID.
searching = APIRouter(prefix="/api/v1", tags=["studies"])

Reader = Annotated[Principal, Depends(allow(scope=Scope.READ))]

LONGEST_PAGE = 200


@router.get(
    "",
    operation_id="list_studies",
    summary="Studies, newest first",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def list_studies(
    request: Request,
    response: Response,
    context: InContext,
    _principal: Reader,
    state: Annotated[StudyState | None, Query(description="Only studies in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="Studies on a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
    ] = None,
) -> StudyPage:
    """Return one page; the Link header has the address of the next."""
    studies, next_cursor = context.archive.repository.studies(
        limit=limit, before=cursor, state=state
    )
    if next_cursor is not None:
        tell_next_page(request, response, limit=limit, cursor=next_cursor, state=state)
    return StudyPage(studies=[study_summary(study) for study in studies], next_cursor=next_cursor)


@searching.post(
    "/study-search",
    operation_id="search_studies",
    summary="Studies by a part of name, ID or accession number, date and state, newest first",
    responses=problem_responses(
        400, 401, 403, 404, 413, 422, 503, _404="The cursor is none of ours."
    ),
)
def search_studies(
    request: Request, context: InContext, principal: Reader, body: StudySearch
) -> StudyPage:
    """Return one page; ask on with `next_cursor`."""
    studies, next_cursor = context.archive.repository.studies(
        limit=body.limit,
        before=body.cursor,
        state=body.state,
        text=body.text,
        first_date=body.first_date,
        last_date=body.last_date,
    )
    note(request, principal, AuditAction.STUDIES_SEARCHED, count=len(studies))
    return StudyPage(studies=[study_summary(study) for study in studies], next_cursor=next_cursor)


@router.get(
    "/{study_uid}/timeline",
    operation_id="get_timeline",
    summary="What happened to a study, the oldest first",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such study."),
)
def get_timeline(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Annotated[
        str, Path(pattern=UID_PATTERN, max_length=64, description="StudyInstanceUID (0020,000D).")
    ],
) -> Timeline:
    """Return received, analysed, sent and reviewed in one list."""
    uid = StudyUid(study_uid)
    repository = context.archive.repository
    detail, reviews = repository.study(uid), repository.reviews_of(uid)
    is_covered = is_blind_first(context.settings.review, principal.user) and is_unread(reviews)
    note(request, principal, AuditAction.STUDY_OPENED, study_uid=study_uid)
    deletions = repository.deletions_of(uid)
    return timeline(detail, reviews, deletions=deletions, is_covered=is_covered)


@router.get(
    "/{study_uid}",
    operation_id="get_study",
    summary="One study with findings, reports and deliveries",
    responses={
        **with_header("ETag", "The study's revision; give it as If-Match."),
        **problem_responses(401, 403, 404, 422, 503, _404="There is no such study."),
    },
)
def get_study(
    request: Request,
    response: Response,
    context: InContext,
    principal: Reader,
    study_uid: Annotated[
        str, Path(pattern=UID_PATTERN, max_length=64, description="StudyInstanceUID (0020,000D).")
    ],
) -> CaseBody:
    """Return a study with all that belongs to it."""
    repository = context.archive.repository
    detail = repository.study(StudyUid(study_uid))
    note(request, principal, AuditAction.STUDY_OPENED, study_uid=study_uid)
    response.headers["ETag"] = f'"{detail.study.revision}"'
    priors = repository.priors(detail.study.study_uid)
    is_blind = is_blind_first(context.settings.review, principal.user)
    return case_body(
        detail,
        reviews=repository.reviews_of(detail.study.study_uid),
        priors=covered_priors(priors) if is_blind else priors,
        readers=repository.readers(detail.study.study_uid),
        heat_maps=repository.images_with_heat_maps(
            [instance.key.sop_instance_uid for instance in detail.instances]
        ),
        user_id=principal.user.user_id if principal.user else None,
        calibrated_on=partial(calibrated_on, context.settings),
    )
