"""A decision becomes a verified successor of the AI result, and nothing else does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import inference
from archive.records import Presence
from inference.report.decisions import DecisionInvalid, ReviewDecision, Reviewer
from inference.report.document import encode
from inference.report.review import presence_in, review
from inference.report.structured_report import ReportedImage, ai_result
from inference.report.words import Language
from tests.builders.radiographs import radiograph
from tests.builders.reports import (
    MADE_AT,
    REVIEWER,
    a_decision,
    a_finding,
    a_heat_map,
    a_placement,
    a_refusal,
    a_review,
    an_ai_result,
    an_author,
)
from tests.builders.studies import as_dataset
from tests.unit.inference.report.tree import code_of, name_of, named, number_of, texts_of

AGREEMENT, DISAGREEMENT = ("122775", "DCM"), ("122776", "DCM")
HOUSE = Path(inference.__file__).parent.parent


@pytest.mark.parametrize(
    ("said", "decision", "corrected", "stands", "conclusion"),
    [
        (Presence.PRESENT, ReviewDecision.ACCEPTED, None, Presence.PRESENT, AGREEMENT),
        (Presence.ABSENT, ReviewDecision.ACCEPTED, None, Presence.ABSENT, AGREEMENT),
        (Presence.UNDETERMINED, ReviewDecision.ACCEPTED, None, Presence.UNDETERMINED, AGREEMENT),
        (Presence.PRESENT, ReviewDecision.REJECTED, None, Presence.ABSENT, DISAGREEMENT),
        (Presence.ABSENT, ReviewDecision.REJECTED, None, Presence.PRESENT, DISAGREEMENT),
        (
            Presence.PRESENT,
            ReviewDecision.CORRECTED,
            Presence.UNDETERMINED,
            Presence.UNDETERMINED,
            DISAGREEMENT,
        ),
        (
            Presence.UNDETERMINED,
            ReviewDecision.CORRECTED,
            Presence.PRESENT,
            Presence.PRESENT,
            DISAGREEMENT,
        ),
    ],
)
def test_what_the_person_says_stands(
    said: Presence,
    decision: ReviewDecision,
    corrected: Presence | None,
    stands: Presence,
    conclusion: tuple[str, str],
) -> None:
    made = a_review(an_ai_result(radiograph(), said), a_decision(decision, corrected))
    assert presence_in(made) is stands
    (concluded,) = named(made, "Conclusion")
    assert code_of(concluded) == conclusion
    assert bool(named(made, "Finding")) is (stands is Presence.PRESENT)


def test_the_document_is_verified_by_the_person_and_final() -> None:
    made = a_review(an_ai_result(radiograph()))
    flags = (made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag)
    assert flags == ("COMPLETE", "VERIFIED", "FINAL")
    (observer,) = made.VerifyingObserverSequence
    assert observer.VerifyingObserverName == REVIEWER.name
    assert observer.VerifyingOrganization == REVIEWER.organization
    assert str(observer.VerificationDateTime) == "20260314150926+0000"


def test_person_and_machine_are_both_observers() -> None:
    made = a_review(an_ai_result(radiograph()))
    assert [code_of(one)[0] for one in named(made, "Observer Type")] == ["121006", "121007"]
    assert str(named(made, "Person Observer Name")[0].PersonName) == REVIEWER.name
    assert texts_of(made, "Person Observer's Login Name") == ["jdoe"]


def test_the_machine_made_the_numbers() -> None:
    made = a_review(an_ai_result(radiograph()), a_decision(ReviewDecision.REJECTED))
    (group,) = named(made, "Measurement Group")
    assert "Algorithm Name" not in [name_of(item) for item in group.ContentSequence]
    (probability,) = named(group, "Probability")
    assert number_of(probability) == 87.0
    assert texts_of(probability, "Algorithm Name") == ["pneumonia-test"]


def test_it_succeeds_the_ai_result_with_the_same_tracking_and_evidence() -> None:
    source = radiograph()
    report = an_ai_result(source, heat_map=a_heat_map(source))
    made = a_review(report)
    (series,) = made.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == report.SOPInstanceUID
    tracking = "Tracking Unique Identifier"
    assert named(made, tracking)[0].UID == named(report, tracking)[0].UID
    evidence = "CurrentRequestedProcedureEvidenceSequence"
    assert made[evidence].value == report[evidence].value
    assert named(made, "Visual explanation")
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.PatientName == source.PatientName
    assert made.SeriesInstanceUID != report.SeriesInstanceUID


def test_the_ai_result_is_not_changed() -> None:
    content = encode(an_ai_result(radiograph()))
    report = as_dataset(content)
    review(report, a_decision(), made_at=MADE_AT, predecessor=None)
    assert encode(report) == content


def test_a_repeat_makes_the_same_object_and_another_decision_another() -> None:
    report = an_ai_result(radiograph())
    assert encode(a_review(report)) == encode(a_review(report))
    other = a_review(report, a_decision(review_id="2"))
    assert other.SOPInstanceUID != a_review(report).SOPInstanceUID


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (Language.ENGLISH, "Radiologist: pneumonia NOT detected. The AI result was rejected. AI: "),
        (
            Language.SPANISH,
            "Radiólogo: neumonía NO detectada. El resultado de la IA fue rechazado. IA: ",
        ),
    ],
)
def test_the_summary_says_what_stands_first(language: Language, sentence: str) -> None:
    report = an_ai_result(radiograph(), author=an_author(language))
    made = a_review(report, a_decision(ReviewDecision.REJECTED))
    (summary,) = texts_of(made, "Summary")
    assert summary.startswith(sentence)


@pytest.mark.parametrize(
    ("said", "decision", "corrected"),
    [
        (Presence.PRESENT, ReviewDecision.CORRECTED, None),
        (Presence.PRESENT, ReviewDecision.CORRECTED, Presence.PRESENT),
        (Presence.PRESENT, ReviewDecision.ACCEPTED, Presence.ABSENT),
        (Presence.UNDETERMINED, ReviewDecision.REJECTED, None),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(
    said: Presence, decision: ReviewDecision, corrected: Presence | None
) -> None:
    with pytest.raises(DecisionInvalid):
        a_review(an_ai_result(radiograph(), said), a_decision(decision, corrected))


@pytest.mark.parametrize(
    "reviewer",
    [
        Reviewer(name="", login="jdoe", organization="Hospital"),
        Reviewer(name="^^", login="jdoe", organization="Hospital"),
        Reviewer(name="Doe^Jane", login=" ", organization="Hospital"),
        Reviewer(name="Doe^Jane", login="jdoe", organization=""),
    ],
)
def test_nothing_is_verified_without_a_person(reviewer: Reviewer) -> None:
    with pytest.raises(DecisionInvalid):
        a_review(an_ai_result(radiograph()), a_decision(reviewer=reviewer))


def test_a_study_that_was_not_analysed_has_nothing_to_decide_on() -> None:
    for decision in (ReviewDecision.ACCEPTED, ReviewDecision.REJECTED):
        with pytest.raises(DecisionInvalid):
            a_review(a_refusal(radiograph()), a_decision(decision))


def test_a_person_may_say_what_the_machine_did_not() -> None:
    decision = a_decision(ReviewDecision.CORRECTED, Presence.PRESENT)
    made = a_review(a_refusal(radiograph()), decision)
    assert presence_in(made) is Presence.PRESENT
    assert texts_of(made, "Summary") == ["Radiologist: pneumonia DETECTED. There was no AI result."]
    assert not named(made, "Conclusion")


def test_images_that_nobody_can_judge_are_undetermined() -> None:
    made = a_review(an_ai_result(radiograph()), a_decision(ReviewDecision.UNREADABLE))
    assert presence_in(made) is Presence.UNDETERMINED
    assert "not judged, because the images cannot be read" in texts_of(made, "Summary")[0]
    assert not named(made, "Finding")


def test_only_the_review_writes_verified() -> None:
    # Comparing with the word reads the flag; everything else that names it could write it.
    flag = re.compile(r"VerificationFlag\s*=(?!=)|\"VERIFIED\"|'VERIFIED'|0x0040,?\s*0xA493", re.I)
    reads = re.compile(r"VerificationFlag [!=]= \"VERIFIED\"")
    found = {
        str(file.relative_to(HOUSE))
        for file in _sources()
        if flag.search(reads.sub("", file.read_text(encoding="utf-8")).replace('"UNVERIFIED"', ""))
    }
    assert found == {"inference/report/review.py", "inference/report/document.py"}
    assert 'VerificationFlag = "UNVERIFIED"' in (HOUSE / "inference/report/document.py").read_text(
        encoding="utf-8"
    )


def _sources() -> Iterator[Path]:
    for folder in ("api", "archive", "config", "dicom_node", "inference", "training"):
        yield from (HOUSE / folder).rglob("*.py")


def test_of_several_images_a_decision_speaks_of_the_study() -> None:
    first = radiograph()
    second = radiograph(StudyInstanceUID=first.StudyInstanceUID)
    images = [
        ReportedImage(source=first, finding=a_finding(first, Presence.ABSENT)),
        ReportedImage(source=second, finding=a_finding(second, Presence.PRESENT)),
    ]
    report = ai_result(images, [], a_placement(first, second), an_author())
    for decision, findings in ((ReviewDecision.ACCEPTED, 1), (ReviewDecision.REJECTED, 0)):
        made = a_review(report, a_decision(decision))
        assert len(named(made, "Measurement Group")) == 2
        assert len(named(made, "Finding")) == findings
