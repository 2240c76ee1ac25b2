"""Schemathesis reads our OpenAPI document and tries to find where the application breaks it."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from archive.database import Archive
from archive.files import sha256_of
from archive.records import SopInstanceUid
from archive.review_records import HeatMap
from tests.builders.grey_scales import a_radiograph
from tests.builders.people import a_radiologist
from tests.web import (
    A_PREDICTION,
    PNG_BYTES,
    answering_worker,
    beating,
    report_radiograph,
    session_of,
    web_settings,
)
from tests.web_server import free_port, running

PROJECT = Path(__file__).parents[2]
EXAMPLES_PER_OPERATION = "4"
# Ends the very session that asks, so it comes last.
LAST = "sign_out"
# Goes on for minutes; tests/integration/test_api_server.py listens to it.
ENDLESS = "watch_events"
# Schemathesis writes no multipart/related; tests/integration/test_api_dicomweb.py does.
UNWRITTEN = ("stow", "stow_study")

# Each in a run of its own, and so within its time on a machine that is busy otherwise.
GROUPS = {
    "our own": [
        "--exclude-path-regex=^/dicom-web",
        f"--exclude-operation-id={LAST}",
        f"--exclude-operation-id={ENDLESS}",
    ],
    "viewers": [
        "--include-path-regex=^/dicom-web",
        *(f"--exclude-operation-id={name}" for name in UNWRITTEN),
    ],
    "signing out": [f"--include-operation-id={LAST}"],
}
LONGEST_SECONDS = 540

# What Schemathesis cannot guess: a study and an image that the archive has.
# Rules between fields, and revisions that are past, are no matter of a schema.
CONFIGURATION = """
[auth.openapi.session]
api_key = "{secret}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "403", "406", "422", "428"]

[[operations]]
include-operation-id = "add_review"
[operations.checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "409", "412", "422", "428"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "403", "404", "409", "412", "422"]

[[operations]]
include-operation-id = ["add_user", "change_user"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "403", "404", "409", "412", "422"]

# The known UIDs below take the place of the broken ones that this check would send;
# tests/integration/test_api_dicomweb.py sends broken ones itself.
[[operations]]
include-operation-id = "wado_frames"
[operations.checks.negative_data_rejection]
expected-statuses = ["2xx", "400", "401", "403", "404", "406", "422"]

[parameters]
"path.study_uid" = "1.2.3.1"
"path.sop_instance_uid" = "1.2.3.1.1.1"
"path.series_uid" = "1.2.3.1.1"
"path.version" = "1.0.0"
"""


@pytest.mark.timeout(LONGEST_SECONDS + 60)
@pytest.mark.parametrize("selection", GROUPS.values(), ids=GROUPS.keys())
def test_schemathesis_finds_nothing_in_any_operation(
    archive: Archive, tmp_path: Path, selection: list[str]
) -> None:
    fill(archive)
    secret = session_of(archive, "tester")
    settings = web_settings(
        api={"port": free_port(), "predict_timeout_seconds": 20}, node={"minimum_free_bytes": 0}
    )
    configuration = CONFIGURATION.format(secret=secret)
    (tmp_path / "schemathesis.toml").write_text(configuration)
    address = f"http://127.0.0.1:{settings.api.port}"
    with (
        beating(archive),
        answering_worker(archive, lambda _: A_PREDICTION),
        running(archive, settings),
    ):
        found = schemathesis_run(address, tmp_path, selection)
        assert found.returncode == 0, found.stdout
        if selection != [f"--include-operation-id={LAST}"]:
            who = httpx.get(f"{address}/api/v1/session", cookies={"hilum": secret})
            assert who.status_code == 200, "the run was cut short: it was signed out"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["operations"]["tested"] == count_of(create_app(settings, archive), selection)


def count_of(app: FastAPI, selection: list[str]) -> int:
    """How many operations of our document a selection stands for."""
    left_out = {one.partition("=")[2] for one in selection if one.startswith("--exclude-operation")}
    chosen = {one.partition("=")[2] for one in selection if one.startswith("--include-operation")}
    is_viewers = "--include-path-regex=^/dicom-web" in selection
    count = 0
    for path, item in app.openapi()["paths"].items():
        for operation in item.values():
            name = operation["operationId"]
            if chosen:
                count += name in chosen
            else:
                count += path.startswith("/dicom-web") == is_viewers and name not in left_out
    return count


def fill(archive: Archive) -> None:
    """A study with an image, a heat map and a report; so many people that none is hit by chance."""
    ds = a_radiograph(study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1")
    report_radiograph(archive, ds)
    archive.repository.record_heat_map(
        HeatMap(
            sop_instance_uid=SopInstanceUid("1.2.3.1.1.1"),
            file_key=archive.files.write_upload(PNG_BYTES),
            file_sha256=sha256_of(PNG_BYTES),
            display_threshold=0.3,
        )
    )
    for number in range(40):
        a_radiologist(archive, f"reader{number}")


def schemathesis_run(
    address: str, folder: Path, selection: list[str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", EXAMPLES_PER_OPERATION),
            *("--checks", "all"),
            *("--seed", "1", "--no-color", "--continue-on-failure"),
            *("--header", f"Origin: {address}"),
            *("--report", "json", "--report-json-path", str(folder / "report.json")),
            *selection,
        ],
        cwd=folder,
        env={"PYTHONPATH": str(PROJECT), "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
