"""Every audit message is valid by the schema of PS3.15 A.5.1, as jing judges it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from archive.account_records import AuditAction
from dicom_node.audit_message import audit_message
from tests.builders.audit import a_line, a_source

SCHEMA = Path(__file__).parents[1] / "audit_message.rnc"


def judged(*files: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["jing", "-c", str(SCHEMA), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.peer("jing")
def test_every_message_is_valid(tmp_path: Path) -> None:
    files = []
    entries: list[dict[str, Any]] = [
        {"study_uid": "1.2.3", "patient_id": "P 1", "address": "::1", "details": {"n": 1}},
        {
            "study_uid": "1.2.3",
            "address": "10.0.0.7",
            "details": {
                "sender": "CT1",
                "receiver": "HILUM",
                "host": "pacs.hospital.example",
                "kind": "dimse",
                "instances": {"1.2.840.10008.5.1.4.1.1.1": 3},
                "new": 0,
            },
        },
        {"study_uid": "1.2.3", "details": {"kind": "fhir", "receiver": "ehr", "host": "::1"}},
        {"actor": "", "outcome": "refused", "details": {"login": "Ö<&>", "form": "audit"}},
    ]
    for action in AuditAction:
        for number, entry in enumerate(entries):
            files.append(tmp_path / f"{action}{number}.xml")
            files[-1].write_bytes(audit_message(a_line(action, **entry), a_source()))
    judgement = judged(*files)
    assert (judgement.returncode, judgement.stdout) == (0, ""), judgement.stdout


@pytest.mark.peer("jing")
def test_the_schema_refuses_what_the_standard_forbids(tmp_path: Path) -> None:
    file = tmp_path / "wrong.xml"
    right = audit_message(a_line("SIGN_IN"), a_source())
    file.write_bytes(right.replace(b'EventOutcomeIndicator="0"', b'EventOutcomeIndicator="1"'))
    judgement = judged(file)
    assert judgement.returncode == 1
    assert "EventOutcomeIndicator" in judgement.stdout
