"""Studies, one study, deliveries and the pages around them."""

import re
from dataclasses import replace

from archive.database import Archive
from archive.records import RuleDecision, StudyAttributes
from tests.builders.arrivals import an_arrival
from tests.builders.people import a_radiologist, a_review
from tests.web import a_client, report_study

# Refusals that have a form of their own: what is missing, and what STOW-RS did not store
# (PS3.18 table 10.5.3-1).
OTHER_FORMS = {
    ("/health/ready", "503"): "application/json",
    ("/dicom-web/studies", "409"): "application/dicom+json",
    ("/dicom-web/studies/{study_uid}", "409"): "application/dicom+json",
}


def test_pages_of_studies_follow_the_link_header_to_the_end(archive: Archive) -> None:
    for study in range(1, 6):
        archive.repository.record_instance(an_arrival(study, 1))
    client = a_client(archive)
    seen: list[str] = []
    address: str | None = "/api/v1/studies?limit=2&state=RECEIVING"
    while address:
        response = client.get(address)
        assert response.status_code == 200
        seen += [study["study_uid"] for study in response.json()["studies"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', response.headers.get("link", ""))
        address = link.group(1) if link else None
        assert (response.json()["next_cursor"] is None) == (address is None)
    assert seen == [f"1.2.3.{study}" for study in (5, 4, 3, 2, 1)]


def test_the_state_filter_leaves_out_the_others(archive: Archive) -> None:
    report_study(archive, 1)
    archive.repository.record_instance(an_arrival(2, 1))
    studies = a_client(archive).get("/api/v1/studies?state=REPORTED").json()["studies"]
    assert [study["study_uid"] for study in studies] == ["1.2.3.1"]


def test_one_study_shows_findings_reports_and_deliveries(archive: Archive) -> None:
    report_study(archive)
    response = a_client(archive).get("/api/v1/studies/1.2.3.1")
    body = response.json()
    assert body["state"] == "REPORTED"
    assert body["patient"]["name"] == "Doe^Jane"
    assert body["results"][0]["is_current"] is True
    [finding] = body["results"][0]["findings"]
    assert (finding["presence"], finding["probability"], finding["threshold"]) == (
        "PRESENT",
        0.9,
        0.5,
    )
    assert finding["statements"] == ["outside the training population"]
    assert [report["kind"] for report in body["reports"]] == ["AI_RESULT"]
    [delivery] = body["deliveries"]
    assert (delivery["destination"], delivery["state"]) == ("pacs", "READY")
    assert response.headers["etag"] == f'"{body["revision"]}"'


def test_a_delivery_that_was_given_up_is_sent_again_on_replay(archive: Archive) -> None:
    report_study(archive)
    repository = archive.repository
    [claim] = repository.claim_deliveries("sender", "pacs", limit=1, lease_seconds=60)
    client = a_client(archive)
    address = f"/api/v1/deliveries/{claim.delivery_id}/replay"
    on_its_way = client.post(address)
    assert on_its_way.status_code == 409
    assert on_its_way.json()["code"] == "state_conflict"
    repository.give_up_delivery(claim, dicom_status=0xA700, reason="out of resources")
    [listed] = client.get("/api/v1/deliveries?state=GAVE_UP").json()["deliveries"]
    assert (listed["dicom_status"], listed["reason"]) == ("A700", "out of resources")
    assert client.post(address).json() == {"replayed": 1}
    assert client.get("/api/v1/deliveries?state=GAVE_UP").json()["deliveries"] == []
    assert repository.claim_deliveries("sender", "pacs", limit=1, lease_seconds=60)


def test_deliveries_are_listed_by_destination(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive)
    assert len(client.get("/api/v1/deliveries?destination=pacs").json()["deliveries"]) == 1
    assert client.get("/api/v1/deliveries?destination=other").json()["deliveries"] == []


def test_the_page_of_studies_escapes_what_came_from_outside(archive: Archive) -> None:
    arrival = an_arrival(1, 1)
    hostile = StudyAttributes(patient_name="<script>alert(1)</script>", patient_id='"><b>')
    archive.repository.record_instance(type(arrival)(**{**vars(arrival), "attributes": hostile}))
    response = a_client(archive).get("/studies")
    assert response.status_code == 200
    assert "<script" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text
    assert "<b>" not in response.text


def test_the_page_of_studies_shows_the_result_in_words(
    archive: Archive,
) -> None:
    report_study(archive)
    text = a_client(archive).get("/studies").text
    assert "PRESENT, 0.90 (threshold 0.50)" in text
    assert "style=" not in text


def test_the_page_says_so_when_there_are_no_studies(archive: Archive) -> None:
    assert "No studies yet" in a_client(archive).get("/studies").text


def test_the_description_of_the_api_loads_nothing_from_elsewhere(archive: Archive) -> None:
    client = a_client(archive)
    text = client.get("/docs").text
    for operation in ("predict", "list_studies", "get_study", "replay_delivery", "get_readiness"):
        assert f'id="{operation}"' in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text


def test_the_openapi_document_has_words_and_types_for_everything(archive: Archive) -> None:
    document = a_client(archive).get("/openapi.json").json()
    operation_ids = []
    for path, item in document["paths"].items():
        for operation in item.values():
            operation_ids.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["tags"], path
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    kind = OTHER_FORMS.get((path, status), "application/problem+json")
                    assert set(response["content"]) == {kind}, (path, status)
    assert len(operation_ids) == len(set(operation_ids))
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_studies_are_found_by_a_part_of_name_id_or_accession_number(archive: Archive) -> None:
    for study, (name, number) in enumerate((("Doe^Jane", "A%1"), ("Roe^Rich", "B_2")), start=1):
        attributes = StudyAttributes(
            patient_name=name, patient_id=f"P{study}", accession_number=number
        )
        archive.repository.record_instance(replace(an_arrival(study, 1), attributes=attributes))
    client = a_client(archive)
    for text, expected in (
        ("doe", ["1.2.3.1"]),
        ("p2", ["1.2.3.2"]),
        ("b_", ["1.2.3.2"]),
        ("%", ["1.2.3.1"]),
        ("e^", ["1.2.3.2", "1.2.3.1"]),
        ("none", []),
    ):
        found = client.post("/api/v1/study-search", json={"text": text}).json()["studies"]
        assert [study["study_uid"] for study in found] == expected, text
        page = client.post("/studies", data={"text": text}).text
        assert page.count("Timeline") == len(expected), text
    first = client.post("/api/v1/study-search", json={"text": "oe", "limit": 1}).json()
    cursor = first["next_cursor"]
    after = client.post("/api/v1/study-search", json={"text": "oe", "cursor": cursor}).json()
    assert [one["study_uid"] for one in after["studies"]] == ["1.2.3.1"]
    actions = {one.entry.action for one in archive.repository.audit_events(limit=50)}
    assert "STUDIES_SEARCHED" in actions


def test_the_timeline_tells_what_happened_in_order(archive: Archive) -> None:
    report_study(archive)
    [claim] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA700, reason="refused for good")
    archive.repository.add_review(a_review(archive, a_radiologist(archive, "lee"), 1))
    client = a_client(archive)
    events = client.get("/api/v1/studies/1.2.3.1/timeline").json()["events"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    by_kind = {event["kind"]: event["words"] for event in events}
    assert list(by_kind)[:2] == ["RECEIVED", "ANALYSED"]
    assert "probability 0.90, threshold 0.50" in by_kind["ANALYSED"]
    assert by_kind["QUEUED_TO_SEND"] == "ai result for pacs"
    assert "given up: refused for good" in by_kind["NOT_DELIVERED"]
    assert by_kind["REVIEWED"].startswith("accept by Lee Ken")
    page = client.get("/studies/1.2.3.1")
    assert page.status_code == 200
    assert "given up: refused for good" in page.text
    assert client.get("/studies/9.9").status_code == 404
    assert client.get("/api/v1/studies/9.9/timeline").status_code == 404


def test_the_timeline_names_the_rule_that_discarded_a_study(archive: Archive) -> None:
    archive.repository.record_instance(an_arrival(instance=1))
    decision = RuleDecision(
        rule="limbs",
        rules_sha256="ab" * 32,
        is_analysed=False,
        reason="discarded by rule limbs",
    )
    archive.repository.queue_complete_studies(
        quiet_period_seconds=0, cap_seconds=600, decide=lambda _images: decision
    )
    client = a_client(archive)
    events = client.get("/api/v1/studies/1.2.3.1/timeline").json()["events"]
    assert [event["kind"] for event in events] == ["RECEIVED", "RULED"]
    assert events[1]["words"] == "rule limbs, version abababababab; discarded by rule limbs"
    study = client.get("/api/v1/studies/1.2.3.1").json()
    assert (study["state"], study["rule"]) == ("KEPT", "limbs")
    assert "discarded by rule limbs" in client.get("/studies").text


def test_studies_are_looked_for_by_state_and_date(archive: Archive) -> None:
    report_study(archive, 1)  # of 1 January 2026, as every arrival of the builder
    archive.repository.record_instance(an_arrival(2, 1))
    undated = an_arrival(3, 1)
    attributes = replace(undated.attributes, study_date="")
    archive.repository.record_instance(replace(undated, attributes=attributes))
    client = a_client(archive)

    def found(**looked: str) -> set[str]:
        text = client.post("/studies", data=looked).text
        return set(re.findall(r'href="/studies/(1\.2\.3\.\d)"', text))

    assert found(state="REPORTED") == {"1.2.3.1"}
    assert found(state="RECEIVING", text="doe") == {"1.2.3.2", "1.2.3.3"}
    assert found(first_date="2026-01-01", last_date="2026-01-01") == {"1.2.3.1", "1.2.3.2"}
    assert found(last_date="2025-12-31") == set()
    assert found(first_date="2026-01-02") == set()
    assert found() == {"1.2.3.1", "1.2.3.2", "1.2.3.3"}
    assert client.post("/studies", data={"first_date": "1.1.2026"}).status_code == 422
    body = {"text": "doe", "first_date": "20260101", "last_date": "20260101"}
    searched = client.post("/api/v1/study-search", json=body).json()["studies"]
    assert {study["study_uid"] for study in searched} == {"1.2.3.1", "1.2.3.2"}
    assert client.post("/api/v1/study-search", json=body | {"last_date": "2026"}).status_code == 422
