"""What goes to a destination, and what it answered, in words that fit every kind of destination."""

from dataclasses import dataclass

from archive.records import ClaimedDelivery
from dicom_node.statuses import DeliveryVerdict, StoreStatus, delivery_verdict, words_for


@dataclass(frozen=True, kw_only=True)
class Consignment:
    """One object on its way to one destination."""

    claim: ClaimedDelivery
    content: bytes
    """The DICOM file."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a destination answered to one object."""

    verdict: DeliveryVerdict
    reason: str = ""
    """For people; empty where all is well."""
    dicom_status: int | None = None
    """The status or failure reason as it came, where the destination speaks DICOM."""
    sent_as: str | None = None
    """The SOP class under which it was sent, where that is not the object's own."""


def answer_of(status: int, *, sent_as: str | None = None) -> Answer:
    """Return the answer that a status of C-STORE, or a failure reason of STOW-RS, stands for.

    Both use the same codes (PS3.4 table B.2-1, PS3.18 table I.2.2-2).
    """
    remark = "" if sent_as is None else f"sent as SOP class {sent_as}"
    words = "" if status == StoreStatus.SUCCESS else words_for(status)
    return Answer(
        verdict=delivery_verdict(status),
        reason="; ".join(part for part in (words, remark) if part),
        dicom_status=status,
        sent_as=sent_as,
    )
