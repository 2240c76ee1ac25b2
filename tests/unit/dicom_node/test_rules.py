from pathlib import Path

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from config.rules import RuleBook
from config.rules_file import read_rules
from dicom_node.rules import RuledImage, decide, explain

FALLBACK = "fallback: {then: analyse}\n"


def rules(folder: Path, *when_then: str) -> RuleBook:
    text = "rules:\n" + "".join(f"  - {{name: r{n}, {w}}}\n" for n, w in enumerate(when_then, 1))
    file = folder / "rules.yaml"
    file.write_text(text + FALLBACK, encoding="utf-8")
    return read_rules(file, ["pacs"])


def image(**elements: object) -> RuledImage:
    header = Dataset()
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    return RuledImage(header=header, meta={"SendingApplicationEntityTitle": "ER1"})


@pytest.mark.parametrize(
    ("condition", "is_match"),
    [
        ("{keyword: Modality, equals: CR}", True),
        ("{keyword: Modality, equals: cr}", False),
        ("{keyword: Modality, in: [DX, CR]}", True),
        ("{keyword: ImageType, equals: PRIMARY}", True),
        ("{keyword: ImageType, equals: SECONDARY}", False),
        ("{keyword: StudyDescription, regex: '(?i)^thorax'}", True),
        ("{keyword: StudyDescription, regex: '^ray'}", False),
        ("{keyword: PatientAge, range: {min: 1, max: 5}}", True),
        ("{keyword: PatientAge, range: {max: 0.2}}", False),
        ("{keyword: StudyDate, range: {min: 20240101, max: 20241231}}", True),
        ("{keyword: KVP, range: {min: 60}}", True),
        ("{keyword: SliceThickness, range: {min: 0}}", False),
        ("{keyword: StationName, present: false}", True),
        ("{keyword: Modality, present: false}", False),
        ("{keyword: RequestAttributesSequence, present: true}", True),
        ("{keyword: RequestAttributesSequence.RequestedProcedureID, equals: P2}", True),
        ("{keyword: RequestAttributesSequence.RequestedProcedureID, equals: P3}", False),
        ("{keyword: SendingApplicationEntityTitle, regex: '^ER'}", True),
        ("{not: {keyword: Modality, equals: CR}}", False),
        ("{any: [{keyword: Modality, equals: MR}, {keyword: KVP, equals: '70.0'}]}", True),
        ("{all: [{keyword: Modality, equals: CR}, {keyword: KVP, equals: '1'}]}", False),
    ],
)
def test_a_condition_holds_for_what_an_image_says(
    tmp_path: Path, condition: str, is_match: bool
) -> None:
    requests = [Dataset(), Dataset()]
    requests[0].RequestedProcedureID, requests[1].RequestedProcedureID = "P1", "P2"
    one = image(
        Modality="CR",
        ImageType=["ORIGINAL", "PRIMARY"],
        StudyDescription="Thorax AP",
        PatientAge="003Y",
        StudyDate="20240131",
        KVP="70.0",
        RequestAttributesSequence=requests,
    )
    book = rules(tmp_path, f"when: {condition}, then: analyse, priority: stat")
    assert (decide(book, [one]).priority == 2) is is_match


def test_the_first_rule_that_matches_decides_and_says_so(tmp_path: Path) -> None:
    book = rules(
        tmp_path,
        "when: {keyword: Modality, equals: MR}, then: discard",
        "when: {keyword: Modality, equals: CR}, then: analyse, destinations: [pacs]",
        "when: {keyword: Modality, equals: CR}, then: discard",
    )
    trials = explain(book, [image(Modality="CR")])
    assert [(trial.rule.name, trial.is_match) for trial in trials] == [("r1", False), ("r2", True)]
    assert trials[0].why == "Modality is 'CR', wanted equals MR"
    decision = decide(book, [image(Modality="CR")])
    assert (decision.rule, decision.destinations) == ("r2", ("pacs",))
    assert decision.rules_sha256 == book.sha256


def test_a_study_that_no_rule_matches_gets_the_fallback(tmp_path: Path) -> None:
    book = rules(tmp_path, "when: {keyword: Modality, equals: MR}, then: discard")
    decision = decide(book, [image(Modality="CR")])
    assert (decision.rule, decision.is_analysed) == ("fallback", True)
    assert explain(book, [image(Modality="CR")])[-1].rule.name == "fallback"


def test_a_study_is_discarded_only_when_every_image_fits(tmp_path: Path) -> None:
    book = rules(tmp_path, "when: {keyword: BodyPartExamined, equals: HAND}, then: discard")
    hand, chest = image(BodyPartExamined="HAND"), image(BodyPartExamined="CHEST")
    assert not decide(book, [hand, hand]).is_analysed
    assert decide(book, [hand, chest]).is_analysed
    assert decide(book, [chest, hand]).is_analysed


def test_one_image_that_fits_is_enough_to_analyse(tmp_path: Path) -> None:
    book = rules(tmp_path, "when: {keyword: Modality, equals: CR}, then: analyse, priority: high")
    assert decide(book, [image(Modality="DX"), image(Modality="CR")]).priority == 1


def test_an_image_that_cannot_be_read_matches_no_rule(tmp_path: Path) -> None:
    book = rules(tmp_path, "when: {not: {keyword: Modality, equals: CR}}, then: discard")
    assert decide(book, [RuledImage(header=None)]).is_analysed
    assert decide(book, []).is_analysed


def test_a_malformed_element_counts_as_absent(tmp_path: Path) -> None:
    book = rules(tmp_path, "when: {keyword: Rows, present: false}, then: discard")
    broken = image(Modality="CR")
    assert broken.header is not None
    tag = Tag("Rows")
    broken.header[tag] = RawDataElement(tag, "US", 3, b"abc", 0, False, True)
    assert not decide(book, [broken]).is_analysed
