"""C-STORE requests as bytes on the wire, split in any way that PS3.8 annex E permits."""

import struct
from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import pairwise

from pydicom.dataset import FileDataset
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from tests.builders.dicom_files import file_bytes

P_DATA_TF = 4
COMMAND, LAST = 1, 2


def data_set_of(ds: FileDataset) -> bytes:
    """What travels: the file without preamble and file meta."""
    content = file_bytes(ds)
    return content[144 + int.from_bytes(content[140:144], "little") :]


def store_command(
    sop_class_uid: str, sop_instance_uid: str, *, message_id: int = 7, with_data_set: bool = True
) -> bytes:
    """The command set of a C-STORE request, as pynetdicom encodes it."""
    request = C_STORE()
    request.MessageID = message_id
    request.Priority = 2
    request.AffectedSOPClassUID = UID(sop_class_uid)
    request.AffectedSOPInstanceUID = UID(sop_instance_uid)
    request.DataSet = BytesIO(b"\0\0") if with_data_set else None
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    encoded = encode(message.command_set, True, True)
    assert encoded is not None
    return encoded


def pieces(content: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut at these places, wherever they lie; a piece may be empty."""
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[a:b] for a, b in pairwise(places)]


def values(fragments: Sequence[bytes], *, context_id: int, is_command: bool) -> list[bytes]:
    """Presentation data values; the last of them says so."""
    made = []
    for number, fragment in enumerate(fragments):
        control = (COMMAND if is_command else 0) | (LAST if number + 1 == len(fragments) else 0)
        made.append(struct.pack(">LBB", len(fragment) + 2, context_id, control) + fragment)
    return made


def pdu(*some: bytes) -> bytes:
    """A P-DATA-TF PDU of these values."""
    body = b"".join(some)
    return struct.pack(">BBL", P_DATA_TF, 0, len(body)) + body
