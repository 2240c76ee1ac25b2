"""`hilum rules`, and SIGHUP to a running installation."""

import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.builders.certificates import Authority
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


@pytest.mark.peer("openssl")
def test_a_hangup_makes_the_node_take_its_certificate_again_or_say_why_not(
    tmp_path: Path,
) -> None:
    authority = Authority.new(tmp_path / "authority")
    shown = authority.sign("node")
    tls = {"certificate": str(shown.certificate), "key": str(shown.key)}
    site = Site(folder=tmp_path / "site", sections={"node": {"tls": tls}})
    with site.serving(only="node") as serving:

        def said(words: str) -> bool:
            return words in site.log_file.read_text()

        wait_until(lambda: said("rules in force"), within_seconds=20, what="rules in force")
        serving.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: said("TLS files renewed"), within_seconds=20, what="the files as they are"
        )
        good = shown.key.read_text()
        shown.key.write_text("no key")
        serving.process.send_signal(signal.SIGHUP)
        refused = "renewed TLS files cannot be used, the old ones stay"
        wait_until(lambda: said(refused), within_seconds=20, what="the fault")
        client = ssl.create_default_context(cafile=str(authority.certificate))
        with (
            socket.create_connection(("127.0.0.1", site.dicom_port), timeout=10) as connection,
            client.wrap_socket(connection, server_hostname="localhost") as wrapped,
        ):
            assert wrapped.version() == "TLSv1.3"
        shown.key.write_text(good)
