"""What a destination took, as a line of the audit trail."""

from urllib.parse import urlsplit

from archive.account_records import AuditAction, AuditEntry
from archive.records import ClaimedDelivery, ProcessKind
from config.destinations import Destination, DimseDestination, Hl7v2Destination
from dicom_node.answers import Answer


def receipt(destination: Destination, claim: ClaimedDelivery, answer: Answer) -> AuditEntry:
    """Return the line of a delivery that was accepted."""
    return AuditEntry(
        actor=ProcessKind.SENDER,
        action=AuditAction.REPORT_SENT,
        study_uid=claim.study_uid,
        details={
            "receiver": _name_of(destination),
            "host": _host_of(destination),
            "destination": destination.name,
            "kind": destination.kind,
            "delivery_id": claim.delivery_id,
            "instances": {answer.sent_as or claim.sop_class_uid: 1},
        },
    )


def _name_of(destination: Destination) -> str:
    return destination.ae_title if isinstance(destination, DimseDestination) else destination.name


def _host_of(destination: Destination) -> str:
    if isinstance(destination, DimseDestination | Hl7v2Destination):
        return destination.host
    return urlsplit(destination.url).hostname or ""
