"""The import order of the house holds, and the check that says so can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("config", "archive", "dicom_node", "inference", "training", "api")
# A line that must not stand in the file beside it, and the contract that forbids it.
PLANTED = [
    ("archive/files.py", "import dicom_node.statuses", "imports point one way"),
    ("archive/files.py", "import pynetdicom", "the archive knows neither network"),
    ("api/app.py", "import torch", "the web process loads no model"),
    ("inference/grey_scale.py", "import torch", "the web process loads no model"),
    ("inference/pipeline.py", "import pynetdicom", "only dicom_node talks DIMSE"),
    ("dicom_node/intake.py", "import sqlalchemy", "only the archive holds SQL"),
    ("training/fit.py", "import archive.records", "training sees neither"),
]


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("models", "__pycache__")
        )
    for file in ("hilum.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_a_planted_violation_is_found(
    copy_of_the_house: Path, file: str, line: str, contract: str
) -> None:
    planted = copy_of_the_house / file
    planted.write_text(f"{planted.read_text()}\n\n{line}\n")
    checked = lint_imports(copy_of_the_house)
    assert checked.returncode != 0
    broken = [text for text in checked.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(contract) for text in broken), checked.stdout[-2000:]


def test_no_drawer_without_a_name() -> None:
    drawers = {"utils", "helpers", "common", "misc", "manager"}
    found = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if drawers & set(path.stem.split("_"))
    ]
    assert found == []


def test_the_web_process_starts_without_torch() -> None:
    heavy = "{'torch', 'monai', 'pynetdicom'}"
    program = f"import api.app, sys; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    started = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (started.returncode, started.stderr.strip()) == (0, "")
