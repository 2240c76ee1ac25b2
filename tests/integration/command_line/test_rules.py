"""`hilum rules`, and SIGHUP to a running installation."""

import signal
from pathlib import Path

from tests.builders.dicom_files import radiograph, written
from tests.integration.command_line.test_start_up import CONFIGURATION_ERROR, hilum
from tests.processes import wait_until
from tests.serving import Site

RULES = """\
rules:
  - name: hands
    when: {keyword: BodyPartExamined, equals: HAND}
    then: discard
  - name: emergency
    when: {keyword: StationName, regex: "^ER"}
    then: analyse
    priority: stat
fallback: {then: analyse}
"""


def test_a_file_is_told_its_rule_and_why_the_others_do_not_match(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    file = written(radiograph(StationName="ER7"), tmp_path)
    told = hilum("rules", "test", file, "--rules", rules)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "no match: hands: BodyPartExamined is 'CHEST', wanted equals HAND",
        "match:    emergency: StationName is 'ER7', wanted regex ^ER",
        "the study is analysed, at least stat; results go to every destination",
    ]


def test_wrong_rules_end_every_command_that_needs_them(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("StationName", "StationNam"))
    site = tmp_path / "site.yaml"
    site.write_text(f"rules: {{file: {rules}}}\n")
    commands: tuple[list[str | Path], ...] = (
        ["check-config", site],
        ["rules", "check", "--config", site],
    )
    for command in commands:
        checked = hilum(*command)
        assert checked.returncode == CONFIGURATION_ERROR
        assert f"{rules}:6: keyword: 'StationNam' is no keyword" in checked.stderr
    served = hilum("serve", "--only", "node", "--config", site)
    assert served.returncode == CONFIGURATION_ERROR
    assert "StationNam" in served.stderr


def test_a_hangup_makes_the_node_read_its_rules_again(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    site = Site(folder=tmp_path / "site", sections={"rules": {"file": str(rules)}})
    with site.serving(only="node") as serving:
        repository = site.open_archive().repository
        wait_until(lambda: repository.rule_standings(), within_seconds=20, what="rules in force")
        assert repository.rule_standings()[0].rule_count == 2
        rules.write_text("rules: []\nfallback: {then: analyse}\n")
        serving.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: repository.rule_standings()[0].rule_count == 0,
            within_seconds=20,
            what="the new rules",
        )
        assert serving.process.poll() is None
        repository.dispose()
