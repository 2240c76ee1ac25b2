"""Rules at a running node: which studies are queued, and what happens when the rules change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.database import Archive
from archive.records import StudyState
from config.settings import RulesSettings
from tests.builders.dicom_files import radiograph, written
from tests.integration.dicom_node.conftest import Node, node_settings, running_node
from tests.processes import wait_until

RULES = """\
rules:
  - name: hands
    when: {keyword: BodyPartExamined, equals: HAND}
    then: discard
  - name: emergency
    when:
      all:
        - {keyword: StationName, regex: "^ER"}
        - {keyword: SendingApplicationEntityTitle, equals: TESTSCU}
    then: analyse
    priority: stat
fallback: {then: analyse}
"""


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    return file


@pytest.fixture
def ruled_node(archive: Archive, rules_file: Path) -> Iterator[Node]:
    settings = node_settings()
    settings = settings.model_copy(update={"rules": RulesSettings(file=rules_file)})
    with running_node(settings, archive) as node:
        yield node


def decided(node: Node, study_uid: str) -> tuple[StudyState, str, int]:
    wait_until(
        lambda: node.study(study_uid).study.state is not StudyState.RECEIVING,
        within_seconds=10,
        what="the decision",
    )
    study = node.study(study_uid).study
    return study.state, study.rule, study.priority


def test_studies_are_discarded_queued_and_hurried_as_the_rules_say(
    ruled_node: Node, tmp_path: Path
) -> None:
    hand = radiograph(StudyInstanceUID="1.2.1", BodyPartExamined="HAND")
    urgent = radiograph(StudyInstanceUID="1.2.2", StationName="ER7")
    other = radiograph(StudyInstanceUID="1.2.3")
    answers = ruled_node.send(*(written(ds, tmp_path) for ds in (hand, urgent, other)))
    assert all(answer.is_stored for answer in answers)
    assert decided(ruled_node, "1.2.1") == (StudyState.KEPT, "hands", 0)
    assert decided(ruled_node, "1.2.2") == (StudyState.QUEUED, "emergency", 2)
    assert decided(ruled_node, "1.2.3") == (StudyState.QUEUED, "fallback", 0)
    (kept,) = ruled_node.study("1.2.1").instances
    assert ruled_node.archive.files.read(kept.file_key, sha256=kept.file_sha256)


def test_wrong_new_rules_are_named_and_right_ones_taken_while_the_node_runs(
    ruled_node: Node, rules_file: Path, tmp_path: Path
) -> None:
    repository = ruled_node.archive.repository
    wait_until(lambda: repository.rule_standings(), within_seconds=10, what="rules in force")
    [before] = repository.rule_standings()
    rules_file.write_text(RULES.replace("equals: HAND", "equal: HAND"), encoding="utf-8")
    repository.ask_rule_reload(asked_by="ann")
    wait_until(lambda: repository.rule_standings()[0].fault, within_seconds=10, what="a fault")
    [wrong] = repository.rule_standings()
    assert wrong.rules_sha256 == before.rules_sha256
    assert wrong.fault == f"{rules_file}:3: equal: unknown key"
    hand = radiograph(StudyInstanceUID="1.2.1", BodyPartExamined="HAND")
    ruled_node.send(written(hand, tmp_path))
    assert decided(ruled_node, "1.2.1") == (StudyState.KEPT, "hands", 0)
    rules_file.write_text(RULES.replace("HAND", "FOOT"), encoding="utf-8")
    repository.ask_rule_reload(asked_by="ann")
    wait_until(
        lambda: repository.rule_standings()[0].rules_sha256 != before.rules_sha256,
        within_seconds=10,
        what="new rules",
    )
    assert repository.rule_standings()[0].fault == ""
    hand = radiograph(StudyInstanceUID="1.2.4", BodyPartExamined="HAND")
    ruled_node.send(written(hand, tmp_path))
    assert decided(ruled_node, "1.2.4")[1] == "fallback"
