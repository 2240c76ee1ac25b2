"""QIDO-RS under `/dicom-web` (PS3.18 10.6)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.audit import AuditAction, note
from api.dependencies import Context, InContext
from api.dicomweb import search
from api.dicomweb.answers import (
    FOUND_JSON,
    PREFIX,
    Reader,
    Uid,
    address_of,
    dicom_json,
    take_json,
)
from api.dicomweb.objects import StoredObject, find, headers_of

router = APIRouter(prefix=PREFIX, tags=["dicomweb"])


@router.get(
    "/studies",
    operation_id="qido_studies",
    summary="Search for studies (QIDO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def search_studies(request: Request, context: InContext, principal: Reader) -> Response:
    """Return studies that match; keys by keyword or hexadecimal tag."""
    take_json(request)
    query, warnings = search.study_query(request.query_params.multi_items())
    found, has_more = search.studies(context.archive, query, address_of(context))
    if has_more and "limit" not in request.query_params:
        # PS3.18 10.6.3.2.
        warnings.append("more studies match than were returned: ask on with limit and offset")
    note(request, principal, AuditAction.STUDIES_SEARCHED, count=len(found))
    return dicom_json(found, warnings)


@router.get(
    "/studies/{study_uid}/series",
    operation_id="qido_series",
    summary="Search for the series of a study (QIDO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def search_series(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return the series of a study, ours included."""
    del principal
    take_json(request)
    headers = headers_of(context.archive, find(context.archive, study_uid))
    asked = search.included(request.query_params.multi_items())
    return _matched(request, search.series_json(headers, address_of(context), asked))


@router.get(
    "/studies/{study_uid}/instances",
    operation_id="qido_study_instances",
    summary="Search for the instances of a study (QIDO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def search_study_instances(
    request: Request, context: InContext, principal: Reader, study_uid: Uid
) -> Response:
    """Return the instances of a study, ours included."""
    del principal
    return _instances(request, context, find(context.archive, study_uid))


@router.get(
    "/studies/{study_uid}/series/{series_uid}/instances",
    operation_id="qido_instances",
    summary="Search for the instances of a series (QIDO-RS)",
    response_class=Response,
    responses=FOUND_JSON,
)
def search_instances(
    request: Request, context: InContext, principal: Reader, study_uid: Uid, series_uid: Uid
) -> Response:
    """Return the instances of a series."""
    del principal
    return _instances(request, context, find(context.archive, study_uid, series_uid))


def _instances(request: Request, context: Context, objects: tuple[StoredObject, ...]) -> Response:
    take_json(request)
    address = address_of(context)
    asked = search.included(request.query_params.multi_items())
    found = [search.instance_json(h, address, asked) for h in headers_of(context.archive, objects)]
    return _matched(request, found)


def _matched(request: Request, found: list[search.Json]) -> Response:
    parameters = request.query_params
    matched = search.matching(found, parameters.multi_items())
    return dicom_json(search.paged(matched, dict(parameters)), [])
