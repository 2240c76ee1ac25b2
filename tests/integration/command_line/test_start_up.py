"""What an administrator meets at the command line before anything runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import free_port
from tests.serving import Serving, Site

ROOT = Path(__file__).parents[3]
CONFIGURATION_ERROR = 2


def hilum(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hilum", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_good_settings_file_is_called_good() -> None:
    checked = hilum("check-config", ROOT / "config" / "site.example.yaml")
    assert checked.returncode == 0
    assert "ok" in checked.stdout


def test_a_wrong_key_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("node: {ae_titel: CHEST}\n")
    checked = hilum("check-config", file)
    assert checked.returncode == CONFIGURATION_ERROR
    assert str(file) in checked.stderr
    assert "node.ae_titel" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    refused = hilum("serve", "--only", "nodes")
    assert refused.returncode == CONFIGURATION_ERROR
    assert "nodes" in refused.stderr


def test_a_missing_model_stops_the_whole_group_with_its_name(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site", sections={"model": {"bundle": "no-such-bundle"}})
    site.write_settings()
    serving = Serving.start(site)
    assert serving.process.wait(90) == CONFIGURATION_ERROR
    assert "no-such-bundle" in site.log_file.read_text()
    checked = hilum("check-config", site.settings_file)
    assert checked.returncode == CONFIGURATION_ERROR
    assert "model.bundle" in checked.stderr
    assert "no-such-bundle" in checked.stderr


def test_an_archive_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    site = Site(folder=tmp_path / "site", sections={"archive": {"root": f"{tmp_path}/occupied"}})
    site.write_settings()
    serving = Serving.start(site)
    assert serving.process.wait(60) == 1
    logged = site.log_file.read_text()
    assert "archive:" in logged
    assert "Traceback" not in logged


@pytest.mark.peer("dcmtk")
def test_echo_and_send_talk_to_a_real_peer(tmp_path: Path) -> None:
    from tests.builders.radiographs import a_chest_file
    from tests.processes import is_listening, running, wait_until

    port = free_port()
    (tmp_path / "kept").mkdir()
    storescp: list[str | Path] = ["storescp", "--output-directory", tmp_path / "kept", str(port)]
    file, _ = a_chest_file(tmp_path / "chest.dcm")
    with running(storescp, log=tmp_path / "storescp.log"):
        wait_until(lambda: is_listening("127.0.0.1", port), within_seconds=10)
        answered = hilum("echo", f"127.0.0.1:{port}")
        assert answered.returncode == 0, answered.stderr
        sent = hilum("send", f"127.0.0.1:{port}", file)
        assert sent.returncode == 0, sent.stderr
    assert len(list((tmp_path / "kept").iterdir())) == 1
    gone = hilum("echo", f"127.0.0.1:{port}")
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr


def test_each_start_and_stop_of_a_part_is_a_line_of_the_audit_trail(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    site.write_settings()
    with site.serving(only="sender") as serving:
        serving.stop()
    archive = site.open_archive()
    lines = [event.entry for event in archive.repository.all_audit_events()]
    archive.repository.dispose()
    assert [(line.actor, line.action) for line in lines] == [
        ("sender", "STARTED"),
        ("sender", "STOPPED"),
    ]
