"""What the AI result says, and what it must never say."""

import pytest

from archive.records import Presence, Refusal
from inference.report.document import encode
from inference.report.evidence import reference_to
from inference.report.refused import RefusedImage
from inference.report.structured_report import ReportedImage, ai_result, percentages
from inference.report.words import Language
from inference.statements import Statement
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_finding, a_heat_map, a_placement, an_ai_result, an_author
from tests.builders.studies import as_dataset
from tests.unit.inference.report.tree import (
    code_of,
    name_of,
    named,
    number_of,
    referenced,
    texts_of,
    walk,
)

PNEUMONIA = ("233604007", "SCT")
PRESENCE_CODES = {
    Presence.PRESENT: ("52101004", "SCT"),
    Presence.ABSENT: ("272519000", "SCT"),
    Presence.UNDETERMINED: ("373068000", "SCT"),
}


def test_the_report_lies_in_the_study_of_its_image_in_a_series_of_its_own() -> None:
    source = radiograph()
    report = an_ai_result(source)
    assert report.StudyInstanceUID == source.StudyInstanceUID
    assert report.SeriesInstanceUID != source.SeriesInstanceUID
    assert report.Modality == "SR"


def test_patient_study_and_order_are_those_of_the_image() -> None:
    source = radiograph()
    report = as_dataset(encode(an_ai_result(source)))
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyID",
        "ReferringPhysicianName",
    ):
        assert report[keyword].value == source[keyword].value
    assert report.ReferencedRequestSequence[0].AccessionNumber == source.AccessionNumber


def test_an_ai_result_is_complete_unverified_and_preliminary() -> None:
    report = an_ai_result(radiograph())
    assert report.CompletionFlag == "COMPLETE"
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert "VerifyingObserverSequence" not in report


@pytest.mark.parametrize("presence", list(Presence))
def test_the_presence_is_coded_in_the_qualitative_evaluations(presence: Presence) -> None:
    report = an_ai_result(radiograph(), presence)
    (evaluations,) = named(report, "Qualitative Evaluations")
    (evaluated,) = named(evaluations, "Pneumonia")
    assert code_of(evaluated) == PRESENCE_CODES[presence]


def test_only_a_positive_report_has_a_finding() -> None:
    (finding,) = named(an_ai_result(radiograph(), Presence.PRESENT), "Finding")
    assert code_of(finding) == PNEUMONIA
    for presence in (Presence.ABSENT, Presence.UNDETERMINED):
        assert not named(an_ai_result(radiograph(), presence), "Finding")


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.UNDETERMINED])
def test_no_value_of_a_report_that_is_not_positive_says_pneumonia_by_itself(
    presence: Presence,
) -> None:
    report = an_ai_result(radiograph(), presence)
    values = [
        str(item.ConceptCodeSequence[0].CodeMeaning)
        for item in walk(report)
        if "ConceptCodeSequence" in item
    ]
    assert "Pneumonia" not in values


def test_probability_and_threshold_are_percentages_inferred_from_the_image() -> None:
    source = radiograph()
    report = an_ai_result(source, Presence.PRESENT)
    for meaning, value in (("Probability", 87.0), ("Threshold Value", 50.0)):
        (item,) = named(report, meaning)
        assert number_of(item) == value
        assert item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "%"
        (inferred_from,) = item.ContentSequence
        assert inferred_from.RelationshipType == "INFERRED FROM"
        assert referenced(inferred_from) == source.SOPInstanceUID


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.87, "87.0"), (0.4996, "49.96"), (0.49999, "49.999"), (0.5, "50.0"), (0.5004, "50.0")],
)
def test_a_probability_is_never_rounded_across_the_threshold(
    probability: float, shown: str
) -> None:
    finding = a_finding(radiograph(), Presence.ABSENT, probability=probability)
    assert percentages(finding)[0] == shown


@pytest.mark.parametrize(
    ("language", "presence", "sentence"),
    [
        (
            Language.ENGLISH,
            Presence.PRESENT,
            "AI: pneumonia DETECTED. Probability 87.0 %, decision threshold 50.0 %.",
        ),
        (
            Language.ENGLISH,
            Presence.ABSENT,
            "AI: pneumonia NOT detected. Probability 12.0 %, decision threshold 50.0 %.",
        ),
        (
            Language.SPANISH,
            Presence.ABSENT,
            "IA: neumonía NO detectada. Probabilidad 12.0 %, umbral de decisión 50.0 %.",
        ),
    ],
)
def test_the_summary_says_it_in_words(
    language: Language, presence: Presence, sentence: str
) -> None:
    report = an_ai_result(radiograph(), presence, author=an_author(language))
    assert texts_of(report, "Summary") == [sentence]
    (language_item,) = named(report, "Language of Content Item and Descendants")
    assert code_of(language_item) == (language, "RFC5646")


def test_the_model_is_named_with_its_hash_threshold_and_calibration() -> None:
    report = an_ai_result(radiograph())
    parameters = texts_of(report, "Algorithm Parameters")
    assert texts_of(report, "Algorithm Name") == ["pneumonia-test"]
    assert texts_of(report, "Algorithm Version") == ["1.0.0"]
    assert f"weights SHA-256={'ab' * 32}" in parameters
    assert "decision threshold=0.5" in parameters
    assert "calibration=temperature scaling, temperature 1.5" in parameters
    (family,) = named(report, "Algorithm Family")
    assert code_of(family) == ("123110", "DCM")


def test_statements_and_the_disclaimer_are_comments() -> None:
    statements = [Statement.AGE_OUTSIDE_POPULATION, Statement.LOSSY_COMPRESSION]
    comments = texts_of(an_ai_result(radiograph(), statements=statements), "Comment")
    assert "not verified by a physician" in comments[0]
    assert comments[1].startswith("Outside the training population (children 1-5 years, AP)")
    assert "loss" in comments[2]


def test_every_analysed_image_has_a_group_and_every_other_a_comment() -> None:
    first = radiograph()
    second = radiograph(StudyInstanceUID=first.StudyInstanceUID)
    lateral = radiograph(StudyInstanceUID=first.StudyInstanceUID)
    images = [
        ReportedImage(source=first, finding=a_finding(first, Presence.ABSENT)),
        ReportedImage(source=second, finding=a_finding(second, Presence.PRESENT)),
    ]
    refused = [RefusedImage(source=lateral, refusal=Refusal.NOT_FRONTAL)]
    report = ai_result(images, refused, a_placement(first, second, lateral), an_author())
    groups = named(report, "Measurement Group")
    assert [referenced(named(group, "Source of Measurement")[-1]) for group in groups] == [
        first.SOPInstanceUID,
        second.SOPInstanceUID,
    ]
    assert [bool(named(group, "Finding")) for group in groups] == [False, True]
    (summary,) = texts_of(report, "Summary")
    assert summary == (
        "AI: pneumonia DETECTED (2 images). "
        "Image 1: pneumonia NOT detected, probability 12.0 %, decision threshold 50.0 %. "
        "Image 2: pneumonia DETECTED, probability 87.0 %, decision threshold 50.0 %."
    )
    assert any("NOT_FRONTAL" in comment for comment in texts_of(report, "Comment"))
    evidence = [
        item.ReferencedSOPInstanceUID
        for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert set(evidence) == {one.SOPInstanceUID for one in (first, second, lateral)}


def test_a_repeat_makes_the_same_object_and_another_model_another() -> None:
    source = radiograph()
    report = an_ai_result(source)
    assert encode(an_ai_result(source)) == encode(report)
    other = an_ai_result(source, author=an_author(version="1.0.1"))
    assert other.SOPInstanceUID != report.SOPInstanceUID
    device = "Device Observer UID"
    assert named(other, device)[0].UID != named(report, device)[0].UID


def test_a_replacing_report_names_its_predecessor() -> None:
    source = radiograph()
    first = an_ai_result(source)
    second = an_ai_result(source, predecessor=reference_to(first))
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert "replaces an earlier one" in texts_of(second, "Comment")[-1]


def test_the_heat_map_is_referenced_as_visual_explanation_and_evidence() -> None:
    source = radiograph()
    heat_map = a_heat_map(source)
    report = an_ai_result(source, heat_map=heat_map)
    (item,) = named(report, "Visual explanation")
    assert referenced(item) == heat_map.SOPInstanceUID
    assert heat_map.SOPInstanceUID in str(report.CurrentRequestedProcedureEvidenceSequence)


def test_the_received_header_is_not_changed() -> None:
    source = radiograph()
    before = source.to_json()
    an_ai_result(source)
    assert source.to_json() == before


def test_the_content_time_is_in_the_zone_that_the_image_names() -> None:
    report = an_ai_result(radiograph(TimezoneOffsetFromUTC="-0400"))
    assert (report.ContentDate, report.ContentTime) == ("20260314", "110926")
    assert report.TimezoneOffsetFromUTC == "-0400"


def test_the_first_items_are_those_of_the_template() -> None:
    report = an_ai_result(radiograph())
    assert name_of(report) == "Imaging Measurement Report"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert [name_of(item) for item in report.ContentSequence] == [
        "Language of Content Item and Descendants",
        "Observer Type",
        "Device Observer UID",
        "Device Observer Name",
        "Device Observer Manufacturer",
        "Device Observer Model Name",
        "Device Observer Serial Number",
        "Procedure reported",
        "Image Library",
        "Imaging Measurements",
        "Qualitative Evaluations",
    ]
