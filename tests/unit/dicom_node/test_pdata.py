import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import P_DATA_TF

from dicom_node.errors import MessageMalformed
from dicom_node.pdata import command_pdus, values_of
from tests.builders.pdus import pdu, values


def test_the_values_of_a_pdu_are_found_in_order() -> None:
    body = values([b"ab", b"c"], context_id=3, is_command=True)
    body += values([b"data"], context_id=3, is_command=False)
    found = [
        (one.context_id, one.is_command, one.is_last, bytes(one.fragment))
        for one in values_of(memoryview(b"".join(body)))
    ]
    assert found == [
        (3, True, False, b"ab"),
        (3, True, True, b"c"),
        (3, False, True, b"data"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0\0",  # not even a header
        struct.pack(">LBB", 1, 1, 0),  # a length without room for the header
        struct.pack(">LBB", 0xFFFFFFFF, 1, 0) + b"x",
        struct.pack(">LBB", 12, 1, 0) + b"x",  # longer than the PDU
    ],
)
def test_lengths_that_do_not_fit_are_malformed(body: bytes) -> None:
    with pytest.raises(MessageMalformed):
        list(values_of(memoryview(body)))


@given(st.binary(max_size=80))
def test_noise_is_values_or_malformed_and_nothing_else(body: bytes) -> None:
    try:
        found = list(values_of(memoryview(body)))
    except MessageMalformed:
        return
    assert sum(len(one.fragment) + 6 for one in found) == len(body)


@given(st.binary(min_size=1, max_size=400), st.integers(7, 500) | st.just(0))
def test_a_command_is_split_into_pdus_no_longer_than_the_receiver_takes(
    command: bytes, maximum_length: int
) -> None:
    rest, found, ends = command_pdus(command, context_id=5, maximum_length=maximum_length), [], []
    while rest:
        length = 6 + int.from_bytes(rest[2:6], "big")
        one = P_DATA_TF()
        one.decode(rest[:length])
        rest = rest[length:]
        assert not maximum_length or length - 6 <= maximum_length
        for item in one.presentation_data_value_items:
            content = item.presentation_data_value
            assert content is not None
            assert item.presentation_context_id == 5
            found.append(content[1:])
            ends.append(content[0])
    assert b"".join(found) == command
    assert ends == [1] * (len(ends) - 1) + [3]


def test_the_tests_own_pdus_are_what_pynetdicom_reads() -> None:
    one = P_DATA_TF()
    one.decode(pdu(*values([b"ab", b"cd"], context_id=1, is_command=False)))
    assert [item.presentation_data_value for item in one.presentation_data_value_items] == [
        b"\0ab",
        b"\2cd",
    ]
