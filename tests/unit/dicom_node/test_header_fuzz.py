"""Whatever bytes come as a data set, they are read or refused by name, never anything else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
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
from tests.builders.pdus import data_set_of

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


def _requests() -> Sequence:
    item = Dataset()
    item.RequestedProcedurePriority = "STAT"
    items = Sequence([item, item])
    items.is_undefined_length = True
    return items


HEADER_WITH_SEQUENCES = data_set_of(
    radiograph(RequestAttributesSequence=_requests(), PatientComments="c" * 300)
)[:1600]


@st.composite
def mutilated(draw: st.DrawFn, whole: bytes = HEADER_BYTES) -> bytes:
    """A real header with bytes exchanged, cut out and put in."""
    content = bytearray(whole)
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


def read_or_refused(path: Path, beginning: bytes) -> object:
    try:
        header = read_header(
            path, data_set_offset=0, transfer_syntax=ExplicitVRLittleEndian, beginning=beginning
        )
        return {tag: header.get_item(tag) for tag in header.keys()}  # noqa: SIM118
    except (HeaderUnreadable, OSError) as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.just(HEADER_WITH_SEQUENCES), mutilated(HEADER_WITH_SEQUENCES)),
    cut=st.integers(0, len(HEADER_WITH_SEQUENCES)),
)
def test_a_beginning_in_memory_says_what_the_file_does(
    tmp_path: Path, content: bytes, cut: int
) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)
    expected = read_or_refused(path, b"")
    assert read_or_refused(path, content[:cut]) == expected


def test_a_header_that_ends_in_memory_needs_no_file(tmp_path: Path) -> None:
    header = read_header(
        tmp_path / "none",
        data_set_offset=0,
        transfer_syntax=ExplicitVRLittleEndian,
        beginning=HEADER_WITH_SEQUENCES,
    )
    assert header.Modality == "CR"
    assert header.RequestAttributesSequence[0].RequestedProcedurePriority == "STAT"


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
