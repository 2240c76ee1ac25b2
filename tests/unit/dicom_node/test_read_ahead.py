from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.read_ahead import ReadAhead

CONTENT = bytes(range(256)) * 4


class Wire:
    """A connection that brings its bytes in the given pieces."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content = content
        self._sizes = sizes

    def receive_into(self, buffer: memoryview) -> int:
        size = self._sizes.pop(0) if self._sizes else len(self._content)
        piece = self._content[: min(size, len(buffer))]
        buffer[: len(piece)] = piece
        self._content = self._content[len(piece) :]
        return len(piece)


@given(
    sizes=st.lists(st.integers(1, 90), max_size=40),
    cuts=st.lists(st.integers(0, len(CONTENT)), max_size=30),
    buffer_bytes=st.integers(1, 300),
)
def test_however_bytes_come_they_are_handed_out_as_asked(
    sizes: list[int], cuts: list[int], buffer_bytes: int
) -> None:
    ahead = ReadAhead(Wire(CONTENT, sizes).receive_into, buffer_bytes)
    places = [0, *sorted(cuts), len(CONTENT)]
    taken = b""
    for count in (end - begin for begin, end in pairwise(places)):
        assert ahead.wait_for(count)
        assert ahead.peek(count) == CONTENT[len(taken) : len(taken) + count]
        taken += ahead.take(count)
    assert taken == CONTENT
    assert not ahead.wait_for(1)


def test_the_end_leaves_what_came_before() -> None:
    ahead = ReadAhead(Wire(b"abc", []).receive_into, 16)
    assert not ahead.wait_for(6)
    assert ahead.byte_count == 3
    assert bytes(ahead.take(3)) == b"abc"


def test_an_error_loses_nothing() -> None:
    wire = Wire(b"abcdef", [3])

    def silent_once(buffer: memoryview) -> int:
        if wire._sizes == [] and silence:
            silence.clear()
            raise TimeoutError
        return wire.receive_into(buffer)

    silence = [True]
    ahead = ReadAhead(silent_once, 16)
    with pytest.raises(TimeoutError):
        ahead.wait_for(6)
    assert ahead.wait_for(6)
    assert bytes(ahead.take(6)) == b"abcdef"
