from pathlib import Path

import pytest

from config.rules import Action, Group, Operator
from config.rules_file import (
    SHIPPED_RULES_FILE,
    RulesInvalid,
    compile_pattern,
    read_rules,
)

DESTINATIONS = ["pacs", "research"]
GOOD = """\
rules:
  - name: emergency
    when:
      all:
        - {keyword: Modality, in: [CR, DX]}
        - any:
            - {keyword: StationName, regex: "^ER"}
            - {keyword: PatientAge, range: {min: 1, max: 5}}
        - not: {keyword: RequestAttributesSequence.RequestedProcedureDescription, equals: dental}
    then: analyse
    priority: stat
    destinations: [pacs]
  - name: limbs
    when: {keyword: BodyPartExamined, present: false}
    then: discard
fallback: {then: analyse, priority: high}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_rules_that_ship_analyse_everything_and_send_everywhere() -> None:
    book = read_rules(SHIPPED_RULES_FILE, [])
    assert book.rules == ()
    assert (book.fallback.action, book.fallback.destinations) == (Action.ANALYSE, None)


def test_rules_are_read_in_their_order(tmp_path: Path) -> None:
    book = read_rules(written(tmp_path, GOOD), DESTINATIONS)
    assert [(rule.name, rule.action, rule.priority) for rule in book.rules] == [
        ("emergency", Action.ANALYSE, 2),
        ("limbs", Action.DISCARD, None),
    ]
    assert book.rules[0].destinations == ("pacs",)
    assert book.fallback.priority == 1
    assert isinstance(book.rules[0].when, Group)
    assert book.keywords == {
        "Modality", "StationName", "PatientAge", "RequestAttributesSequence", "BodyPartExamined",
    }  # fmt: skip


def test_the_version_of_the_rules_is_that_of_their_bytes(tmp_path: Path) -> None:
    first = read_rules(written(tmp_path, GOOD), DESTINATIONS).sha256
    assert read_rules(written(tmp_path, GOOD + "\n"), DESTINATIONS).sha256 != first


RULE = "rules:\n  - name: a\n    when: {when}\n    then: analyse\nfallback: {{then: analyse}}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("fallback: {then: analyse}", 1, "rules: is missing"),
        ("rules: []", 1, "fallback: is missing"),
        ("rules: []\nfallback: {then: analyse}\nextra: 1", 3, "extra: unknown key"),
        ("rules: []\nfallback: {then: maybe}", 2, "then: 'maybe' is none of analyse, discard"),
        ("rules: []\nfallback: {then: analyse}\nfallback: {then: discard}", 3, "stands twice"),
        ("rules: {}\nfallback: {then: analyse}", 1, "rules: is no list"),
        (GOOD.replace("BodyPartExamined", "BodyPartExamned"), 14, "'BodyPartExamned' is no keyw"),
        (GOOD.replace("priority: stat", "prioritty: stat"), 11, "prioritty: unknown key"),
        (GOOD.replace("priority: stat", "priority: now"), 11, "priority: 'now' is none of"),
        (GOOD.replace("[pacs]", "[pacss]"), 12, "destinations: the settings have no 'pacss'"),
        (GOOD.replace("name: limbs", "name: emergency"), 13, "name: 'emergency' stands twice"),
        (GOOD.replace("min: 1", "min: 9"), 8, "range: min is larger than max"),
        (GOOD.replace("min: 1", "min: one"), 8, "min: is no number"),
        (GOOD.replace("then: discard", "then: discard\n    priority: high"), 16, "priority: says"),
        (GOOD.replace("PatientAge, range", "PatientAge, greater"), 8, "greater: unknown key"),
        (GOOD.replace("Modality, in", "Modality.X, in"), 5, "'X' is no keyword"),
        (GOOD.replace("Modality, in", "Modality.PatientID, in"), 5, "Modality is no sequence"),
        (RULE.format(when='{keyword: Modality, regex: "(a"}'), 3, "regex: is no pattern of RE2"),
        (RULE.format(when='{keyword: Modality, regex: "(a)\\\\1"}'), 3, "regex: is no pattern"),
        (RULE.format(when='{keyword: Modality, regex: "(?=a)b"}'), 3, "regex: is no pattern"),
        (RULE.format(when="{keyword: Modality}"), 3, "keyword: needs one of"),
        (RULE.format(when="{all: []}"), 3, "all: has no conditions"),
        (RULE.format(when="{not: [1]}"), 3, "not: holds no keys"),
        (RULE.format(when="{not: " * 12 + "{keyword: Modality, equals: CR}" + "}" * 12), 3, "deep"),
        ("rules: [", 1, "is not YAML"),
        ("rules: !!python/object/apply:os.system ['true']\nfallback: {then: analyse}", 1, "rules"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    file = written(tmp_path, text)
    if "python/object" in text:
        # A tag of YAML makes nothing: the list is only a list of rules that are none.
        with pytest.raises(RulesInvalid, match="holds no keys"):
            read_rules(file, DESTINATIONS)
        return
    with pytest.raises(RulesInvalid) as caught:
        read_rules(file, DESTINATIONS)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"nowhere\.yaml: cannot be read"):
        read_rules(tmp_path / "nowhere.yaml", [])


def test_a_pattern_that_makes_others_backtrack_ends_at_once() -> None:
    # Python's own engine needs 2 to the power of 40 steps for this one.
    assert not compile_pattern("^(a+)+$")("a" * 4000 + "b")


def test_every_operator_has_a_name_of_its_own() -> None:
    assert len(set(Operator)) == 5
