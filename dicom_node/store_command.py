"""The command sets of C-STORE (PS3.7 9.3.1): the request read, the response written. Pure."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from dicom_node.intake import Command
from dicom_node.statuses import StoreStatus

# PS3.7 E.1-1; all of these stand in group 0000.
_AFFECTED_SOP_CLASS_UID = 0x0002
_COMMAND_FIELD = 0x0100
_MESSAGE_ID = 0x0110
_MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
_COMMAND_DATA_SET_TYPE = 0x0800
_STATUS = 0x0900
_ERROR_COMMENT = 0x0902
_AFFECTED_SOP_INSTANCE_UID = 0x1000
_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_NO_DATA_SET = 0x0101
# An Error Comment is LO: 64 characters (PS3.5 6.2).
_COMMENT_LENGTH = 64

# Implicit VR little endian, whatever the data set is in (PS3.7 6.3.1).
_ELEMENT = struct.Struct("<HHL")
_US = struct.Struct("<H")
_UL = struct.Struct("<L")


def _nothing() -> None:
    """Leave nothing to do."""


@dataclass(frozen=True, kw_only=True)
class StoreRequest:
    """A C-STORE request."""

    context_id: int
    message_id: int
    has_data_set: bool
    command: Command
    encoded_uids: tuple[bytes, bytes]
    """SOP Class and Instance UID as they came; the response repeats them."""


@dataclass(frozen=True, kw_only=True)
class StoreAnswer:
    """What a C-STORE is answered with."""

    status: StoreStatus
    comment: str = ""
    afterwards: Callable[[], None] = _nothing
    """What can wait until the answer is on its way; must not raise."""


def read_store_request(content: bytes, *, context_id: int) -> StoreRequest | None:
    """Return what a command set asks for; None where it is no C-STORE request, or a broken one."""
    elements = _elements(content)
    if elements is None or _number(elements, _COMMAND_FIELD) != _C_STORE_RQ:
        return None
    message_id = _number(elements, _MESSAGE_ID)
    if message_id is None:
        return None
    sop_class = elements.get(_AFFECTED_SOP_CLASS_UID, b"")
    sop_instance = elements.get(_AFFECTED_SOP_INSTANCE_UID, b"")
    return StoreRequest(
        context_id=context_id,
        message_id=message_id,
        has_data_set=_number(elements, _COMMAND_DATA_SET_TYPE) != _NO_DATA_SET,
        command=Command(sop_class_uid=_uid(sop_class), sop_instance_uid=_uid(sop_instance)),
        encoded_uids=(sop_class, sop_instance),
    )


def write_store_response(request: StoreRequest, answer: StoreAnswer) -> bytes:
    """Return the command set of the response (PS3.7 9.3.1.2)."""
    sop_class, sop_instance = request.encoded_uids
    body = b"".join(
        (
            _element(_AFFECTED_SOP_CLASS_UID, sop_class, padding=b"\0"),
            _element(_COMMAND_FIELD, _US.pack(_C_STORE_RSP)),
            _element(_MESSAGE_ID_BEING_RESPONDED_TO, _US.pack(request.message_id)),
            _element(_COMMAND_DATA_SET_TYPE, _US.pack(_NO_DATA_SET)),
            _element(_STATUS, _US.pack(answer.status)),
            _comment(answer.comment),
            _element(_AFFECTED_SOP_INSTANCE_UID, sop_instance, padding=b"\0"),
        )
    )
    # Command Group Length (0000,0000) counts what follows it.
    return _element(0x0000, _UL.pack(len(body))) + body


def _elements(content: bytes) -> dict[int, bytes] | None:
    """Return the values of a command set by their element numbers; None where it is none."""
    found: dict[int, bytes] = {}
    position = 0
    while position < len(content):
        if len(content) - position < _ELEMENT.size:
            return None
        group, element, length = _ELEMENT.unpack_from(content, position)
        position += _ELEMENT.size
        if group != 0 or position + length > len(content):
            return None
        found[element] = content[position : position + length]
        position += length
    return found


def _number(elements: dict[int, bytes], element: int) -> int | None:
    value = elements.get(element, b"")
    return int(_US.unpack(value)[0]) if len(value) == _US.size else None


def _uid(value: bytes) -> str:
    # One NUL pads to an even length (PS3.5 9.1); some senders use spaces, or more than one.
    return value.decode("latin-1").rstrip("\0 ")


def _comment(text: str) -> bytes:
    value = text[:_COMMENT_LENGTH].encode("ascii", "replace")
    return _element(_ERROR_COMMENT, value, padding=b" ") if value else b""


def _element(element: int, value: bytes, *, padding: bytes = b"") -> bytes:
    if len(value) % 2:
        value += padding
    return _ELEMENT.pack(0, element, len(value)) + value
