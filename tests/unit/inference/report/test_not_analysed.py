"""A study without a score says so, and why, in words and codes."""

import pytest

from archive.records import Refusal, StudyState
from inference.report import codes
from inference.report.words import REFUSALS, STATEMENTS, Language, refusal_in_words
from inference.statements import Statement
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_refusal, an_author
from tests.unit.inference.report.tree import code_of, named, texts_of


def test_the_report_has_no_number_and_no_finding() -> None:
    report = a_refusal(radiograph())
    for meaning in ("Probability", "Threshold Value", "Finding", "Pneumonia"):
        assert not named(report, meaning)


@pytest.mark.parametrize(
    ("state", "code"), [(StudyState.NOT_ANALYSED, "111225"), (StudyState.FAILED, "111224")]
)
def test_refused_and_failed_are_told_apart_by_code(state: StudyState, code: str) -> None:
    report = a_refusal(radiograph(), Refusal.PROCESSING_FAILED, state=state)
    (item,) = named(report, "Summary of Analyses")
    assert code_of(item) == (code, "DCM")
    assert report.SOPInstanceUID != a_refusal(radiograph()).SOPInstanceUID


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_has_a_code_and_words(refusal: Refusal) -> None:
    report = a_refusal(radiograph(), refusal)
    (reason,) = named(report, "Reason")
    assert code_of(reason)[0] == codes.REFUSALS[refusal].value
    (summary,) = texts_of(report, "Summary")
    assert summary.startswith("AI: NOT ANALYSED")
    assert summary.endswith(f"Reason code: {refusal}.")


def test_the_detail_stands_in_the_words() -> None:
    report = a_refusal(radiograph(), Refusal.WRONG_BODY_PART, detail="BodyPartExamined LEG")
    (summary,) = texts_of(report, "Summary")
    assert "not the chest, or is not stated (BodyPartExamined LEG)." in summary


def test_every_word_exists_in_every_language() -> None:
    for language in Language:
        assert set(REFUSALS[language]) == set(Refusal)
        assert set(STATEMENTS[language]) == set(Statement)
    spanish = a_refusal(radiograph(), author=an_author(Language.SPANISH))
    assert texts_of(spanish, "Summary")[0].startswith("IA: NO ANALIZADO")


def test_words_without_a_detail_end_as_a_sentence() -> None:
    assert refusal_in_words(Refusal.MULTI_FRAME) == "The image has several frames."


def test_repeats_make_the_same_object() -> None:
    source = radiograph()
    assert a_refusal(source).SOPInstanceUID == a_refusal(source).SOPInstanceUID
    other = a_refusal(source, Refusal.NO_CONTRAST)
    assert other.SOPInstanceUID != a_refusal(source).SOPInstanceUID
