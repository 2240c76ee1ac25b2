"""Schemathesis reads our OpenAPI document and tries to find where the application breaks it."""

import json
import subprocess
import sys
from pathlib import Path

from api.app import create_app
from archive.database import Archive
from tests.web import A_PREDICTION, answering_worker, beating, report_study, web_settings
from tests.web_server import free_port, running

PROJECT = Path(__file__).parents[2]
EXAMPLES_PER_OPERATION = "25"

# What Schemathesis cannot guess: a study and a delivery that the archive has.
KNOWN_THINGS = """
[[operations]]
include-operation-id = "get_study"
parameters = {"path.study_uid" = "1.2.3.1"}
"""


def test_schemathesis_finds_nothing_in_any_operation(archive: Archive, tmp_path: Path) -> None:
    report_study(archive)
    settings = web_settings(api={"port": free_port()}, node={"minimum_free_bytes": 0})
    (tmp_path / "schemathesis.toml").write_text(KNOWN_THINGS)
    with (
        beating(archive),
        answering_worker(archive, lambda _: A_PREDICTION),
        running(archive, settings),
    ):
        found = schemathesis_run(settings.api.port, tmp_path)
    assert found.returncode == 0, found.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    documented = create_app(settings, archive).openapi()["paths"].values()
    assert report["operations"]["tested"] == sum(len(item) for item in documented), found.stdout


def schemathesis_run(port: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{port}/openapi.json",
            *("--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-examples", EXAMPLES_PER_OPERATION),
            *("--checks", "all", "--seed", "1", "--no-color"),
            *("--report", "json", "--report-json-path", str(folder / "report.json")),
        ],
        cwd=folder,
        env={"PYTHONPATH": str(PROJECT), "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
