"""What our reports say, said in HL7 v2 and in FHIR: the same, and nothing that frightens."""

import json
from typing import Any

import pytest
from pydicom.dataset import Dataset

from archive.records import Presence, StudyState
from config.destinations import FhirDestination, Hl7v2Destination
from dicom_node.errors import ReportUnreadable
from dicom_node.fhir import bundle_of
from dicom_node.hl7v2 import acknowledgement_in, control_id, oru_r01
from dicom_node.report_content import read_report
from inference.report.decisions import Decision, ReviewDecision, Withdrawal
from inference.report.document import encode
from inference.report.evidence import reference_to
from inference.report.review import review
from tests.builders.dirty_headers import DIRT
from tests.builders.radiographs import file_bytes, radiograph
from tests.builders.reports import (
    MADE_AT,
    a_decision,
    a_heat_map,
    a_refusal,
    a_review,
    an_ai_result,
)
from tests.builders.studies import as_dataset

RIS = Hl7v2Destination(
    name="ris", host="127.0.0.1", port=2575, assigning_authority="HOSPITAL", receiving_facility="R"
)
EHR = FhirDestination(
    name="ehr", url="http://127.0.0.1/fhir", patient_identifier_system="urn:oid:1.2.3"
)
NAMELESS = {"no PatientID", "PatientID empty"}


def message(ds: Dataset, destination: Hl7v2Destination = RIS) -> list[str]:
    text = oru_r01(read_report(encode(ds)), destination).decode("utf-8")
    return text.strip("\r").split("\r")


def observation(lines: list[str], code: str) -> list[str]:
    """The fields of the OBX with a code; the first is the name of the segment."""
    (line,) = [one for one in lines if one.startswith("OBX") and f"|{code}^" in one]
    return [*line.split("|"), *[""] * 20]


def resources(ds: Dataset) -> list[dict[str, Any]]:
    bundle = json.loads(bundle_of(read_report(encode(ds)), EHR))
    return [entry["resource"] for entry in bundle["entry"]]


def told(ds: Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """The finding and the report of a Bundle, its last two entries."""
    *_, finding, report = resources(ds)
    return finding, report


@pytest.mark.parametrize(
    ("presence", "value", "flag"),
    [
        (Presence.PRESENT, "52101004^Present^SCT", "A"),
        (Presence.ABSENT, "272519000^Absent^SCT", ""),
        (Presence.UNDETERMINED, "373068000^Undetermined^SCT", ""),
    ],
)
def test_a_message_tells_finding_numbers_and_model_as_preliminary(
    presence: Presence, value: str, flag: str
) -> None:
    lines = message(an_ai_result(radiograph(), presence))
    finding = observation(lines, "233604007")
    assert (finding[5], finding[8], finding[11]) == (value, flag, "P")
    assert observation(lines, "111001")[5] == "pneumonia-test"
    assert observation(lines, "111003")[5] == "1.0.0"
    assert observation(lines, "122157")[6] == "%^Percent^UCUM"
    (order,) = [one.split("|") for one in lines if one.startswith("OBR")]
    assert (order[3], order[18], order[25]) == ("ACC0042", "ACC0042", "P")


def test_after_a_review_the_persons_value_is_final_and_the_machines_numbers_are_not() -> None:
    first = a_review(an_ai_result(radiograph()), a_decision(ReviewDecision.REJECTED))
    lines = message(first)
    finding = observation(lines, "233604007")
    assert (finding[5], finding[11]) == ("272519000^Absent^SCT", "F")
    assert finding[16] == "jdoe^Doe^Jane"
    assert observation(lines, "122157")[11] == "P"
    assert observation(lines, "121077")[5].startswith("122776^Disagreement")


def test_a_second_review_corrects_the_first() -> None:
    result = an_ai_result(radiograph())
    first = a_review(result)
    again = after(first, result, a_decision(ReviewDecision.REJECTED, review_id="2"))
    assert observation(message(again), "233604007")[11] == "C"
    finding, report = told(again)
    assert (finding["status"], report["status"]) == ("amended", "amended")
    assert report["id"] == told(first)[1]["id"]


def a_withdrawal(reason: Withdrawal, review_id: str = "1") -> Decision:
    return a_decision(ReviewDecision.WITHDRAWN, withdrawal=reason, review_id=review_id)


def after(first: Dataset, result: Dataset, decision: Decision) -> Dataset:
    return review(
        as_dataset(encode(result)),
        decision,
        made_at=MADE_AT,
        predecessor=reference_to(first),
    )


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [(Withdrawal.WRONG_PATIENT, "W", "113037"), (Withdrawal.FAULTY_RUN, "D", "113001")],
)
def test_a_withdrawal_takes_back_every_value_in_a_message(
    reason: Withdrawal, status: str, code: str
) -> None:
    lines = message(a_review(an_ai_result(radiograph()), a_withdrawal(reason)))
    finding = observation(lines, "233604007")
    assert (finding[5], finding[11], finding[16]) == ("", status, "")
    assert {observation(lines, number)[11] for number in ("122157", "122411")} == {status}
    assert observation(lines, "121077")[5].startswith(code)
    assert "must not be used" in observation(lines, "121111")[5]
    assert observation(lines, "121111")[11] == "F"
    (order,) = [one.split("|") for one in lines if one.startswith("OBR")]
    assert order[25] == "C"


@pytest.mark.parametrize("reason", Withdrawal)
def test_a_withdrawal_marks_what_the_model_told_as_entered_in_error(reason: Withdrawal) -> None:
    result = an_ai_result(radiograph())
    by_model = {
        one["id"]
        for one in resources(result)
        if one["resourceType"] in ("Observation", "DiagnosticReport")
    }
    *withdrawn, by_person = resources(a_review(result, a_withdrawal(reason)))
    in_error = {one["id"] for one in withdrawn if one.get("status") == "entered-in-error"}
    assert in_error == by_model
    for one in withdrawn:
        assert "valueCodeableConcept" not in one
    assert (by_person["status"], by_person.get("result")) == ("final", None)
    assert "must not be used" in by_person["conclusion"]
    assert "conclusionCode" not in by_person


def test_a_withdrawal_after_a_review_takes_back_the_review_too() -> None:
    result = an_ai_result(radiograph())
    first = a_review(result)
    last = after(first, result, a_withdrawal(Withdrawal.WRONG_PATIENT, review_id="2"))
    told_before = {
        one["id"]: one["resourceType"] for ds in (result, first) for one in resources(ds)
    }
    statuses = {one["id"]: one.get("status") for one in resources(last)}
    observations = [uid for uid, kind in told_before.items() if kind == "Observation"]
    assert len(observations) == 4
    assert {statuses[uid] for uid in observations} == {"entered-in-error"}
    assert resources(last)[-1]["status"] == "amended"


def test_what_was_not_analysed_has_no_value_and_a_reason() -> None:
    lines = message(a_refusal(radiograph()))
    finding = observation(lines, "233604007")
    assert (finding[5], finding[11]) == ("", "X")
    assert observation(lines, "410666004")[5].startswith("110522^")
    assert not [one for one in lines if "|NM|" in one]


def test_delimiters_and_lines_in_a_comment_cannot_break_a_message() -> None:
    comment = "left|right^a&b~c\\d\nMSH|^~\\&|second line"
    decision = a_decision(ReviewDecision.CORRECTED, Presence.ABSENT, comment=comment)
    lines = message(a_review(an_ai_result(radiograph()), decision))
    assert [one[:3] for one in lines].count("MSH") == 1
    written = observation(lines, "121106")[5]
    assert written.startswith("left\\F\\right\\S\\a\\T\\b\\R\\c\\E\\d~MSH\\F\\")


def test_a_name_in_three_scripts_is_three_names() -> None:
    (dirt,) = [one for one in DIRT if one.name == "Japanese"]
    lines = message(an_ai_result(as_dataset(file_bytes(dirt.make()))))
    (patient,) = [one.split("|") for one in lines if one.startswith("PID")]
    assert patient[5] == ("Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P")


def test_a_patient_id_belongs_to_the_authority_that_the_images_name_or_the_site() -> None:
    issued = radiograph(IssuerOfPatientID="CLINIC")
    for source, authority in ((radiograph(), "HOSPITAL"), (issued, "CLINIC")):
        (patient,) = [one for one in message(an_ai_result(source)) if one.startswith("PID")]
        assert f"|HILUM-7^^^{authority}^PI|" in patient


@pytest.mark.parametrize("dirt", DIRT, ids=lambda one: one.name)
def test_a_dirty_header_is_told_or_refused_but_breaks_nothing(dirt: Any) -> None:
    report = read_report(encode(an_ai_result(as_dataset(file_bytes(dirt.make())))))
    if dirt.name in NAMELESS:
        for tell in (lambda: oru_r01(report, RIS), lambda: bundle_of(report, EHR)):
            with pytest.raises(ReportUnreadable, match="patient ID"):
                tell()
        return
    assert oru_r01(report, RIS)
    assert bundle_of(report, EHR)


def test_the_same_report_is_written_in_the_same_bytes() -> None:
    content = encode(an_ai_result(radiograph()))
    first, second = read_report(content), read_report(content)
    assert oru_r01(first, RIS) == oru_r01(second, RIS)
    assert bundle_of(first, EHR) == bundle_of(second, EHR)
    assert len(control_id(first)) == 20


@pytest.mark.parametrize("answer", [b"", b"OK", b"\xff\xfe", b"MSA|AA|1", b"MSH|^~"])
def test_what_is_no_acknowledgement_is_not_taken_for_one(answer: bytes) -> None:
    try:
        code, about, _ = acknowledgement_in(answer, "utf-8")
    except ValueError:
        return
    assert not (code == "AA" and about == "1")


def test_a_bundle_names_the_patient_by_identifier_alone() -> None:
    result = an_ai_result(radiograph(), heat_map=a_heat_map(radiograph()))
    for resource in resources(result):
        if resource["resourceType"] != "Device":
            assert resource["subject"] == {
                "type": "Patient",
                "identifier": {"system": "urn:oid:1.2.3", "value": "HILUM-7"},
            }
    assert "Núñez" not in json.dumps(resources(result), ensure_ascii=False)


@pytest.mark.parametrize("presence", Presence)
def test_only_a_positive_report_concludes_pneumonia(presence: Presence) -> None:
    finding, report = told(an_ai_result(radiograph(), presence))
    assert ("conclusionCode" in report) is (presence is Presence.PRESENT)
    assert (finding["status"], report["status"]) == ("preliminary", "preliminary")


def test_a_review_stands_beside_what_the_model_says_and_names_who_made_it() -> None:
    result = an_ai_result(radiograph())
    by_model, reviewed = resources(result), resources(a_review(result))
    ids = {one["id"] for one in by_model} & {one["id"] for one in reviewed}
    shared = {one["resourceType"] for one in reviewed if one["id"] in ids}
    assert shared == {"ImagingStudy", "Device"}
    report = reviewed[-1]
    assert report["status"] == "final"
    assert report["resultsInterpreter"][0]["display"] == "Jane Doe"


def test_a_newer_result_updates_the_resources_of_the_older() -> None:
    source = radiograph()
    older = an_ai_result(source)
    newer = an_ai_result(source, Presence.ABSENT, predecessor=reference_to(older))
    assert [one["id"] for one in resources(older)] == [one["id"] for one in resources(newer)]


@pytest.mark.parametrize(
    ("state", "code"), [(StudyState.NOT_ANALYSED, "not-performed"), (StudyState.FAILED, "error")]
)
def test_what_was_not_analysed_is_cancelled_with_the_reason(state: StudyState, code: str) -> None:
    finding, report = told(a_refusal(radiograph(), state=state))
    assert (finding["status"], report["status"]) == ("cancelled", "cancelled")
    assert finding["dataAbsentReason"]["coding"][0]["code"] == code
    assert finding["dataAbsentReason"]["text"]


def test_what_is_no_report_of_ours_is_not_told() -> None:
    for content in (b"", b"no DICOM", encode(a_heat_map(radiograph()))):
        with pytest.raises(ReportUnreadable):
            read_report(content)
