"""DIMSE statuses and association rejections by name, with words for people.

PS3.7 annex C lists the general codes, PS3.4 table B.2-1 those of the Storage Service. What a code
answered to our C-STORE means for a delivery stands in `delivery_verdict` and nowhere else.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple


class StoreStatus(IntEnum):
    """What our C-STORE SCP answers."""

    SUCCESS = 0x0000
    """PS3.7 C.1.1: bytes and row are durable."""
    PROCESSING_FAILURE = 0x0110
    """PS3.7 C.5.5: the archive does not answer now; send it again."""
    DUPLICATE_INSTANCE = 0x0111
    """PS3.7 C.5.6: the UID already stands for another object."""
    INVALID_INSTANCE_UID = 0x0117
    """PS3.7 C.5.10: the UID violates the construction rules of PS3.5 9.1."""
    CLASS_NOT_SUPPORTED = 0x0122
    """PS3.7 C.5.19."""
    OUT_OF_RESOURCES = 0xA700
    """PS3.4 table B.2-1: no room; send it again later."""
    DATA_SET_MISMATCH = 0xA900
    """PS3.4 table B.2-1: the data set is not what the command says it is."""
    CANNOT_UNDERSTAND = 0xC000
    """PS3.4 table B.2-1: no DICOM, or nothing that says where it belongs."""


class NotificationStatus(IntEnum):
    """What we answer to N-EVENT-REPORT (PS3.7 10.1.1.1.8)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    """The archive does not answer now; report it again."""
    INVALID_ARGUMENT = 0x0115
    """A transaction that is not ours, or none."""


class Rejection(NamedTuple):
    """Parameters of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int
    words: str
    label: str
    """In the figures."""


CALLING_AE_UNKNOWN = Rejection(
    1, 1, 3, "calling AE title not recognised at this address", "calling_ae_unknown"
)
CALLED_AE_UNKNOWN = Rejection(1, 1, 7, "called AE title not recognised", "called_ae_unknown")
TOO_MANY_ASSOCIATIONS = Rejection(
    2, 3, 2, "local limit of associations exceeded", "too_many_associations"
)
UNDECIDED = Rejection(2, 1, 1, "could not be judged", "undecided")
STOPPING = Rejection(2, 1, 1, "stopping, no new associations", "stopping")


# Turned away before there was an association: these have a label only.
NO_TLS = "no_tls"
TOO_MANY_CONNECTIONS = "too_many_connections"


class DeliveryVerdict(StrEnum):
    """What an answer to our C-STORE means."""

    DELIVERED = "DELIVERED"
    DELIVERED_WITH_WARNING = "DELIVERED_WITH_WARNING"
    TRY_AGAIN = "TRY_AGAIN"
    PEER_IS_FULL = "PEER_IS_FULL"
    """Try again, and spare the peer everything else until then."""
    REFUSED = "REFUSED"


_WARNINGS = {
    # PS3.7 C.4.2 and PS3.7 9.1.1.1.9 (0001); PS3.4 table B.2-1 (Bxxx)
    0x0001: "accepted with a warning",
    0x0107: "accepted, attribute list error",
    0x0116: "accepted, attribute value out of range",
    0xB000: "accepted, coercion of data elements",
    0xB006: "accepted, elements discarded",
    0xB007: "accepted, data set does not match SOP class",
}
_DUPLICATE = "the peer already holds an object with this UID"
_FAILURES = {
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0115: "invalid argument value",
    0x0117: "invalid object instance UID",
    0x0118: "no such object class",
    0x0119: "class and instance conflict",
    0x0120: "missing attribute",
    0x0121: "missing attribute value",
    0x0122: "SOP class not supported",
    0x0124: "not authorised",
    0x0131: "duplicate transaction UID",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
}
# PS3.4 table B.2-1 gives whole ranges; the words belong to the range.
_RANGES = (
    (0xA700, 0xA7FF, "out of resources"),
    (0xA900, 0xA9FF, "data set does not match SOP class"),
    (0xB000, 0xBFFF, "accepted with a warning"),
    (0xC000, 0xCFFF, "cannot understand"),
)
_REFUSED_FOR_GOOD = frozenset({0x0117, 0x0118, 0x0119, 0x0212})
_FULL = frozenset({0x0213})


def words_for(status: int) -> str:
    """Say a DIMSE status as people would, with its code."""
    return f"0x{status:04X} {_meaning(status)}"


def _meaning(status: int) -> str:
    if status == StoreStatus.SUCCESS:
        return "success"
    if status == StoreStatus.DUPLICATE_INSTANCE:
        return _DUPLICATE
    single = _WARNINGS.get(status) or _FAILURES.get(status)
    if single:
        return single
    return next((words for low, high, words in _RANGES if low <= status <= high), "unknown status")


def delivery_verdict(status: int) -> DeliveryVerdict:
    """Say what an answer to our C-STORE means; an unknown code never counts as delivered.

    0x0111 counts as delivered: the peer states that it holds an object with this UID, our UIDs
    are made from what the object says, and so it is our earlier copy whose answer was lost.
    """
    if status == StoreStatus.SUCCESS:
        return DeliveryVerdict.DELIVERED
    if status in _WARNINGS or status == StoreStatus.DUPLICATE_INSTANCE or _in(status, 0xB):
        return DeliveryVerdict.DELIVERED_WITH_WARNING
    if _in(status, 0xA7) or status in _FULL:
        return DeliveryVerdict.PEER_IS_FULL
    if _in(status, 0xA9) or _in(status, 0xC) or status in _REFUSED_FOR_GOOD:
        return DeliveryVerdict.REFUSED
    return DeliveryVerdict.TRY_AGAIN


def _in(status: int, prefix: int) -> bool:
    """Whether the hexadecimal digits of a status begin with those of `prefix`."""
    return f"{status:04X}".startswith(f"{prefix:X}")
