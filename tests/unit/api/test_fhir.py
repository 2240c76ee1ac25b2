"""A study's last report as a FHIR Bundle, for who reads."""

import json

from fhir.resources.bundle import Bundle
from pydicom.dataset import Dataset

from archive.account_records import Role, Scope
from archive.database import Archive
from archive.records import ReportKind
from tests.builders.arrivals import an_arrival
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_review, an_ai_result
from tests.builders.reports_to_send import a_study_with_object
from tests.web import a_client, a_stranger, token_of, web_settings

ADDRESS = "/api/v1/studies/1.2.3.1/fhir"
EHR = {"kind": "fhir", "name": "ehr", "url": "https://ehr.example/fhir"}


def status_of(archive: Archive, ds: Dataset, kind: ReportKind) -> str:
    a_study_with_object(archive, ds, kind=kind)
    response = a_client(archive, roles=[Role.RADIOLOGIST]).get(ADDRESS)
    assert response.headers["content-type"] == "application/fhir+json"
    bundle = Bundle.model_validate_json(response.content)
    assert bundle.type == "collection"
    resources = [entry["resource"] for entry in json.loads(response.content)["entry"]]
    kinds = {resource["resourceType"] for resource in resources}
    assert kinds == {"Device", "DiagnosticReport", "ImagingStudy", "Observation"}
    *_, report = resources
    status: str = report["status"]
    return status


def test_what_the_model_says_is_preliminary(archive: Archive) -> None:
    assert status_of(archive, an_ai_result(radiograph()), ReportKind.AI_RESULT) == "preliminary"
    [event] = archive.repository.audit_events(limit=1)
    assert (event.entry.action, event.entry.details) == ("EXPORT", {"form": "fhir"})


def test_what_a_person_says_is_final(archive: Archive) -> None:
    ds = a_review(an_ai_result(radiograph()))
    assert status_of(archive, ds, ReportKind.REVIEW) == "final"


def test_the_site_names_the_system_of_its_patient_ids(archive: Archive) -> None:
    a_study_with_object(archive, an_ai_result(radiograph()), kind=ReportKind.AI_RESULT)
    settings = web_settings(destinations=[EHR | {"patient_identifier_system": "urn:oid:1.2.3"}])
    assert '"system":"urn:oid:1.2.3"' in a_client(archive, settings).get(ADDRESS).text
    assert '"system":"urn:oid:1.2.3"' not in a_client(archive).get(ADDRESS).text


def test_a_study_without_a_report_has_no_bundle(archive: Archive) -> None:
    client = a_client(archive)
    assert client.get(ADDRESS).status_code == 404
    archive.repository.record_instance(an_arrival(1, 1))
    response = client.get(ADDRESS)
    assert (response.status_code, response.json()["detail"]) == (
        404,
        "nothing was reported of this study",
    )


def test_a_report_that_names_no_patient_is_refused_with_its_reason(archive: Archive) -> None:
    nobody = an_ai_result(radiograph(PatientID=""))
    a_study_with_object(archive, nobody, kind=ReportKind.AI_RESULT)
    response = a_client(archive).get(ADDRESS)
    assert (response.status_code, response.json()["code"]) == (409, "not_in_fhir")
    assert "no patient ID" in response.json()["detail"]


def test_bundles_are_for_readers_and_programs_that_may_read(archive: Archive) -> None:
    a_study_with_object(archive, an_ai_result(radiograph()), kind=ReportKind.AI_RESULT)
    assert a_client(archive, login="ml", roles=[Role.ML]).get(ADDRESS).status_code == 403
    headers = {"authorization": f"Bearer {token_of(archive, Scope.READ)}"}
    assert a_stranger(archive).get(ADDRESS, headers=headers).status_code == 200
