"""`/api/v1/worklist` and the reviews of a study: what is read, by whom, and what they decide."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.blind_first import is_blind_first
from api.dependencies import InContext
from api.errors import RevisionMismatch, StateForbids
from api.paging import tell_next_page
from api.problems import problem_responses, with_header
from api.review_schemas import (
    DeferralBody,
    NewReviewBody,
    ReviewBody,
    ReviewList,
    WorklistPage,
    review_body,
    worklist_entry,
)
from api.reviewing import decide, revision_of
from api.routes.session import person
from api.schemas import UID_PATTERN
from archive.account_records import Role
from archive.errors import ReviewSettled
from archive.records import StudyUid
from archive.review_records import Band

router = APIRouter(prefix="/api/v1", tags=["reading"])

Reader = Annotated[Principal, Depends(allow(Role.RADIOLOGIST))]
# What the page asks by itself while nobody touches it.
WatchingReader = Annotated[Principal, Depends(allow(Role.RADIOLOGIST, is_active=False))]
StudyPath = Annotated[
    str, Path(pattern=UID_PATTERN, max_length=64, description="StudyInstanceUID (0020,000D).")
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The study's ETag.", examples=['"7"'])
]

LONGEST_PAGE = 200


@router.get(
    "/worklist",
    operation_id="get_worklist",
    summary="What nobody has read yet, in the order in which it should be read",
    responses={
        **with_header("Link", 'The next page as `<...>; rel="next"`; absent on the last.'),
        **problem_responses(401, 403, 404, 422, 503, _404="The cursor is none of ours."),
    },
)
def get_worklist(
    request: Request,
    response: Response,
    context: InContext,
    principal: WatchingReader,
    band: Annotated[Band | None, Query(description="Only this band.")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> WorklistPage:
    """Return one page; bands are those of the moment of the first page.

    Who reads blind first gets it without what the model says, and in an order that does not tell.
    """
    is_blind = is_blind_first(context.settings.review, principal.user)
    cap_seconds = context.settings.review.waiting_cap_minutes * 60
    repository = context.archive.repository
    items, next_cursor = repository.worklist(
        limit=limit, waiting_cap_seconds=cap_seconds, after=cursor, band=band, is_blind=is_blind
    )
    if next_cursor is not None:
        tell_next_page(request, response, limit=limit, cursor=next_cursor, band=band)
    return WorklistPage(
        entries=[worklist_entry(item) for item in items],
        counts=repository.worklist_counts(waiting_cap_seconds=cap_seconds, is_blind=is_blind),
        next_cursor=next_cursor,
        waiting_cap_seconds=cap_seconds,
        is_blind_first=is_blind,
    )


@router.get(
    "/studies/{study_uid}/reviews",
    operation_id="list_reviews",
    summary="All decisions about a study",
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such study."),
)
def list_reviews(context: InContext, principal: Reader, study_uid: StudyPath) -> ReviewList:
    """Return every decision, also undone and superseded ones, the newest first."""
    uid = StudyUid(study_uid)
    revision = context.archive.repository.study(uid).study.revision
    return ReviewList(
        reviews=[
            review_body(review, user_id=person(principal).user_id, study_revision=revision)
            for review in context.archive.repository.reviews_of(uid)
        ]
    )


@router.post(
    "/studies/{study_uid}/reviews",
    operation_id="add_review",
    summary="Decide about a study",
    status_code=201,
    responses=problem_responses(
        400, 401, 403, 404, 409, 412, 413, 422, 428, 503,
        _403="The account is shared, or not a radiologist's.",
        _409="There is no result to judge, or an earlier decision is just being reported.",
        _412="The study changed since it was looked at; the detail says who decided.",
        _428="If-Match is needed.",
    ),
)  # fmt: skip
def add_review(
    request: Request,
    response: Response,
    context: InContext,
    principal: Reader,
    study_uid: StudyPath,
    body: NewReviewBody,
    if_match: IfMatch = None,
) -> ReviewBody:
    """Keep a decision; it can be undone for a while, then the verified report is made of it."""
    user = person(principal)
    uid = StudyUid(study_uid)
    review = decide(
        context.archive, context.settings.review, user, uid, body, revision_of(if_match)
    )
    context.effort.count(review)
    note(
        request,
        principal,
        AuditAction.REVIEW,
        study_uid=study_uid,
        review_id=review.review_id,
        verdict=review.verdict,
    )
    revision = context.archive.repository.study(uid).study.revision
    response.headers["ETag"] = f'"{revision}"'
    return review_body(review, user_id=user.user_id, study_revision=revision)


@router.delete(
    "/reviews/{review_id}",
    operation_id="undo_review",
    summary="Undo a decision of one's own while it is held",
    responses=problem_responses(
        401, 403, 404, 409, 412, 422, 503,
        _404="This person made no such review.",
        _409="It is no longer held: decide anew instead.",
    ),
)  # fmt: skip
def undo_review(
    request: Request,
    context: InContext,
    principal: Reader,
    review_id: Annotated[int, Path(ge=1, le=(1 << 31) - 1)],
    if_match: IfMatch = None,
) -> ReviewBody:
    """Take a decision back; what stood before it stands again."""
    user = person(principal)
    repository = context.archive.repository
    known = repository.review(review_id)
    revision = repository.study(known.study_uid).study.revision
    if if_match is not None and revision_of(if_match) != revision:
        raise RevisionMismatch("the study changed since; look again")
    try:
        review = repository.undo_review(review_id, user_id=user.user_id)
    except ReviewSettled:
        raise StateForbids("the time to undo is over: decide anew", code="review_settled") from None
    note(
        request,
        principal,
        AuditAction.UNDO,
        study_uid=review.study_uid,
        review_id=review_id,
    )
    revision = repository.study(review.study_uid).study.revision
    return review_body(review, user_id=user.user_id, study_revision=revision)


@router.put(
    "/studies/{study_uid}/lease",
    operation_id="begin_reading",
    summary="Say that one has the study open",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422, 503, _404="There is no such study."),
)
def begin_reading(context: InContext, principal: WatchingReader, study_uid: StudyPath) -> None:
    """Tell the others; nobody is kept from reading. Repeat it while the study is open."""
    context.archive.repository.begin_reading(
        StudyUid(study_uid),
        user_id=person(principal).user_id,
        lease_seconds=context.settings.review.reading_lease_seconds,
    )


@router.delete(
    "/studies/{study_uid}/lease",
    operation_id="end_reading",
    summary="Say that one no longer has the study open",
    status_code=204,
    responses=problem_responses(401, 403, 422, 503),
)
def end_reading(context: InContext, principal: WatchingReader, study_uid: StudyPath) -> None:
    """Tell the others; safe to repeat."""
    context.archive.repository.end_reading(StudyUid(study_uid), user_id=person(principal).user_id)


@router.put(
    "/studies/{study_uid}/deferral",
    operation_id="defer_study",
    summary="Put a study at the end of the worklist",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 413, 422, 503, _404="There is no such study."),
)
def defer_study(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: StudyPath,
    body: DeferralBody,
) -> None:
    """Let it wait, with a reason that everybody sees; a decision ends it."""
    context.archive.repository.defer(
        StudyUid(study_uid), user_id=person(principal).user_id, reason=body.reason
    )
    note(request, principal, AuditAction.DEFER, study_uid=study_uid)
