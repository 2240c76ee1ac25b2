"""P-DATA-TF PDUs (PS3.8 9.3.5): the values in one, without copying, and those around a message.

Pure: no socket, no association.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dicom_node.errors import MessageMalformed

P_DATA_TF = 0x04
# Type, a reserved byte, and how many bytes follow (PS3.8 table 9-22).
PDU_HEADER = struct.Struct(">BxL")
# Length of what follows it, presentation context, message control header (PS3.8 9.3.5.1, E.2).
_VALUE_HEADER = struct.Struct(">LBB")
_LENGTH_BYTES = 4
_IS_COMMAND, _IS_LAST = 0x01, 0x02


class DataValue(NamedTuple):
    """A presentation data value: a fragment of a message's command or data set (PS3.8 annex E)."""

    context_id: int
    control: int
    fragment: memoryview

    @property
    def is_command(self) -> bool:
        """Whether it belongs to the command, not to the data set."""
        return bool(self.control & _IS_COMMAND)

    @property
    def is_last(self) -> bool:
        """Whether the command or data set ends with it."""
        return bool(self.control & _IS_LAST)


def values_of(body: memoryview) -> Iterator[DataValue]:
    """Yield the values of a P-DATA-TF PDU.

    Parameters
    ----------
    body
        What follows the header of the PDU; the fragments are parts of it.

    Raises
    ------
    MessageMalformed
        The lengths do not fit each other.
    """
    position = 0
    while position < len(body):
        if len(body) - position < _VALUE_HEADER.size:
            raise MessageMalformed("a data value is cut off")
        length, context_id, control = _VALUE_HEADER.unpack_from(body, position)
        begin, end = position + _VALUE_HEADER.size, position + _LENGTH_BYTES + length
        if not begin <= end <= len(body):
            raise MessageMalformed("a data value is longer than its PDU, or has no header")
        yield DataValue(context_id, control, body[begin:end])
        position = end


def command_pdus(command: bytes, *, context_id: int, maximum_length: int) -> bytes:
    """Return the PDUs that carry a command without a data set.

    Parameters
    ----------
    maximum_length
        How many bytes the receiver takes behind the header of a PDU (PS3.8 D.1); 0 is no limit.
    """
    room = maximum_length - _VALUE_HEADER.size if maximum_length else len(command)
    room = max(room, 1)
    pdus = bytearray()
    for position in range(0, len(command), room):
        fragment = command[position : position + room]
        is_last = position + room >= len(command)
        control = _IS_COMMAND | (_IS_LAST if is_last else 0)
        pdus += PDU_HEADER.pack(P_DATA_TF, _VALUE_HEADER.size + len(fragment))
        pdus += _VALUE_HEADER.pack(len(fragment) + 2, context_id, control)
        pdus += fragment
    return bytes(pdus)
