"""`make demo ONCE=1` as a newcomer meets it, after its set-up."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.peer("orthanc")
def test_the_demonstration_ends_once_every_report_is_in_the_pacs(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "hilum", "demo", "--once"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.startswith("PACS: Orthanc")
    arrived = [line.split()[4:] for line in shown.stdout.splitlines() if line.startswith("report ")]
    assert sorted((state, name) for state, name, _ in arrived) == [
        ("NOT_ANALYSED", "Synthetic^Limb"),
        *[("REPORTED", "Synthetic^Normal")] * 3,
        *[("REPORTED", "Synthetic^Pneumonia")] * 3,
    ]
    assert "Probability: " in shown.stdout


def test_a_demonstration_without_anything_to_send_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shown = subprocess.run(
        [sys.executable, "-m", "hilum", "demo", "--once", "--studies", "empty"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert shown.returncode == 1
    assert "no DICOM object to send" in shown.stderr
    assert shown.stdout == ""  # before anything is started
