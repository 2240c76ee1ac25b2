"""The test object that administrators send to destinations is valid DICOM."""

from pathlib import Path

import pytest

from dicom_node.errands import a_test_file
from tests.validators import dciodvfy


@pytest.mark.peer("dicom3tools")
def test_the_validator_finds_nothing_in_the_test_object(tmp_path: Path) -> None:
    file = tmp_path / "test.dcm"
    file.write_bytes(a_test_file())
    assert [line for line in dciodvfy(file) if "Error" in line] == []
