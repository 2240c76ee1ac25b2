"""Whatever bytes come as a data set, they are read or refused by name, never anything else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.errors import HeaderUnreadable, ObjectRefused
from dicom_node.header import read_header
from dicom_node.intake import Command, admit
from tests.builders.dicom_files import file_bytes, radiograph

GOOD = radiograph()
FILE = file_bytes(GOOD)
# Lengths, VRs and tags stand in the first bytes behind the File Meta Information (PS3.10 7.1).
HEADER_BYTES = FILE[144 + int.from_bytes(FILE[140:144], "little") :][:1200]
COMMAND = Command(sop_class_uid=str(GOOD.SOPClassUID), sop_instance_uid=str(GOOD.SOPInstanceUID))
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A real header with bytes exchanged, cut out and put in."""
    content = bytearray(HEADER_BYTES)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        cut = draw(st.integers(0, 16))
        content[at : at + cut] = draw(st.binary(max_size=16))
    return bytes(content)


def examined(content: bytes, syntax: UID, folder: Path) -> None:
    path = folder / "it"
    path.write_bytes(content)
    try:
        header = read_header(path, data_set_offset=0, transfer_syntax=syntax)
        admit(header, COMMAND)
    except (HeaderUnreadable, ObjectRefused):
        return


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(mutilated(), st.binary(max_size=400)))
def test_a_mutilated_header_is_read_or_refused(tmp_path: Path, syntax: UID, content: bytes) -> None:
    examined(content, syntax, tmp_path)
