"""`/api/v1/studies/{uid}/fhir`: what our last report of a study says, as a FHIR R5 Bundle."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.audit import AuditAction, note
from api.auth.access import allow
from api.auth.principal import Principal
from api.dependencies import Context, InContext
from api.errors import StateForbids, UnknownThing
from api.problems import problem_responses
from api.schemas import UID_PATTERN
from archive.account_records import Role, Scope
from archive.records import Report, StudyUid
from config.destinations import DOCUMENT_KINDS, FhirDestination
from dicom_node.errors import ReportUnreadable
from dicom_node.fhir import bundle_of
from dicom_node.report_content import read_report

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

Reader = Annotated[Principal, Depends(allow(Role.RADIOLOGIST, scope=Scope.READ))]
FHIR_JSON = "application/fhir+json"


@router.get(
    "/{study_uid}/fhir",
    operation_id="get_fhir_bundle",
    summary="The last report of a study as a FHIR R5 Bundle",
    response_class=Response,
    responses={
        200: {
            "description": "A Bundle of the type collection.",
            "content": {FHIR_JSON: {"schema": {"type": "object"}}},
        },
        **problem_responses(
            401, 403, 404, 409, 422, 503,
            _404="There is no such study, or nothing was reported of it.",
            _409="FHIR has no place for what the report says, as for one without a patient ID.",
        ),
    },
)  # fmt: skip
def get_fhir_bundle(
    request: Request,
    context: InContext,
    principal: Reader,
    study_uid: Annotated[
        str, Path(pattern=UID_PATTERN, max_length=64, description="StudyInstanceUID (0020,000D).")
    ],
) -> Response:
    """Return what a person said last, or the model where no person did: preliminary until then."""
    report = _last_document(context, StudyUid(study_uid))
    content = context.archive.files.read(report.file_key, sha256=report.file_sha256)
    try:
        bundle = bundle_of(
            read_report(content),
            form="collection",
            identifier_system=_identifier_system(context),
        )
    except ReportUnreadable as error:
        raise StateForbids(
            f"the report cannot be written as FHIR: {error}", code="not_in_fhir"
        ) from None
    note(request, principal, AuditAction.EXPORT, study_uid=study_uid, form="fhir")
    return Response(bundle, media_type=FHIR_JSON)


def _last_document(context: Context, study_uid: StudyUid) -> Report:
    reports = context.archive.repository.study(study_uid).reports
    documents = [report for report in reports if report.kind in DOCUMENT_KINDS]
    if not documents:
        raise UnknownThing("nothing was reported of this study")
    return documents[-1]


def _identifier_system(context: Context) -> str:
    """Return the system of patient IDs that FHIR destinations name; empty where they differ."""
    named = {
        one.patient_identifier_system
        for one in context.settings.destinations
        if isinstance(one, FhirDestination)
    }
    return named.pop() if len(named) == 1 else ""
