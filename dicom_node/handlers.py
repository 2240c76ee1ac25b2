"""What the node does on each event of an association; every collaborator comes as an argument.

`handle_store` is the body of this process's loop: nothing that one object does may end the
association of the next, so it catches everything. `handle_requested` does too, because pynetdicom
swallows what it raises and would then let the caller in.
"""

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

from archive.database import Archive
from archive.errors import ArchiveUnavailable, StorageFull
from archive.records import Recorded
from config.logs import uid_digest
from dicom_node.access import GuestList
from dicom_node.call_log import CallLog
from dicom_node.commitment import handle_event_report
from dicom_node.completeness import OpenStudies
from dicom_node.errors import ObjectRefused
from dicom_node.incoming import IncomingDataSet, ReceivedFile
from dicom_node.reception import Kept, Sender, examine, keep
from dicom_node.rejections import Rejections
from dicom_node.statuses import (
    STOPPING,
    TOO_MANY_ASSOCIATIONS,
    UNDECIDED,
    Rejection,
    StoreStatus,
)
from dicom_node.store_command import StoreAnswer, StoreRequest
from dicom_node.traffic import Traffic
from dicom_node.upper_layer import prefer_requestors_order

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What the handlers work with."""

    archive: Archive
    guests: GuestList
    open_studies: OpenStudies
    traffic: Traffic
    rejections: Rejections
    calls: CallLog
    maximum_associations: int


def handle_requested(event: Event, reception: Reception) -> None:
    """Welcome an association or reject it, before anything of it is looked at."""
    association = event.assoc
    request = cast(A_ASSOCIATE, association.requestor.primitive)
    calling_ae, called_ae = request.calling_ae_title, request.called_ae_title
    peer = str(association.requestor.address)
    try:
        rejection = _judge(reception, calling_ae, called_ae, peer)
    except Exception as error:  # noqa: BLE001  # pynetdicom would go on and accept
        _log.error("judging an association failed", error=type(error).__name__)
        rejection = UNDECIDED
    if rejection is None:
        reception.traffic.enter(id(association))
        reception.calls.let_in(id(association), calling_ae=calling_ae, called_ae=called_ae)
        # The answer names the title that was called: several may be ours.
        association.acceptor.ae_title = called_ae
        prefer_requestors_order(association)
        return
    reception.rejections.note(rejection.label)
    reception.calls.rejected(id(association), rejection, calling_ae=calling_ae, called_ae=called_ae)
    _log.warning(
        "association rejected",
        calling_ae=calling_ae,
        called_ae=called_ae,
        peer=peer,
        reason=rejection.words,
    )
    association.acse.send_reject(rejection.result, rejection.source, rejection.reason)
    association.kill()


def _judge(reception: Reception, calling_ae: str, called_ae: str, address: str) -> Rejection | None:
    if reception.traffic.is_stopping:
        return STOPPING
    rejection = reception.guests.judge(calling_ae=calling_ae, called_ae=called_ae, address=address)
    if rejection is None and reception.traffic.count >= reception.maximum_associations:
        return TOO_MANY_ASSOCIATIONS
    return rejection


def handle_turned_away(label: str, reason: str, address: str, reception: Reception) -> None:
    """Note a connection that ended before there was an association to reject."""
    reception.rejections.note(label)
    reception.calls.turned_away(address, reason)
    _log.warning("connection turned away", reason=reason)


def handle_accepted(event: Event) -> None:
    """Note an association that was opened."""
    _log.info("association opened", **_ends(event.assoc), peer=event.assoc.requestor.address)


def handle_echo(event: Event) -> int:
    """Answer C-ECHO (PS3.4 annex A)."""
    _log.info("echo answered", **_ends(event.assoc))
    return int(StoreStatus.SUCCESS)


def handle_store(
    association: Association,
    request: StoreRequest,
    data_set: IncomingDataSet,
    reception: Reception,
) -> StoreAnswer:
    """Answer C-STORE (PS3.4 annex B); 0x0000 only once bytes and row are durable."""
    ends = _ends(association)
    try:
        file = data_set.finish()
        sender = Sender(calling_ae_title=ends["calling_ae"], called_ae_title=ends["called_ae"])
        admission = examine(file)
        # Before it is recorded: a study must not look quiet while one of its images is under way.
        reception.open_studies.add(id(association), admission.key.study_uid)
        kept = keep(file, sender, reception.archive, admission)
        if kept.recorded is not Recorded.CONFLICT:
            reception.calls.received(id(association), kept, file)
        return _after(kept, file, association)
    except ObjectRefused as refusal:
        status, comment = refusal.status, refusal.comment
    except StorageFull:
        status, comment = StoreStatus.OUT_OF_RESOURCES, "no room left"
    except ArchiveUnavailable:
        status, comment = StoreStatus.PROCESSING_FAILURE, "the archive does not answer"
    except Exception as error:  # noqa: BLE001  # the loop of this process; see the module
        # The message of an unexpected error may quote the object, so only its kind is logged.
        _log.error("object failed", error=type(error).__name__, **ends)
        return StoreAnswer(status=StoreStatus.PROCESSING_FAILURE, comment="unexpected failure")
    _log.warning(
        "object refused",
        status=f"0x{status:04X}",
        reason=comment,
        instance=uid_digest(request.command.sop_instance_uid),
        **ends,
    )
    return StoreAnswer(status=status, comment=comment)


def handle_report(event: Event, reception: Reception) -> tuple[int, None]:
    """Answer N-EVENT-REPORT of a destination that opened an association to us."""
    reception.traffic.begin(id(event.assoc))
    return handle_event_report(event, reception.archive)


def handle_sent(event: Event, reception: Reception) -> None:
    """Note that an answer has left, so that a stopping node may close this association."""
    reception.traffic.end(id(event.assoc))


def handle_closed(event: Event, reception: Reception) -> None:
    """Forget an association that is gone, however it went."""
    reception.traffic.leave(id(event.assoc))
    reception.open_studies.forget(id(event.assoc))


def handle_ended(event: Event, how: str) -> None:
    """Note how an association ended."""
    _log.info("association ended", reason=how, **_ends(event.assoc))


def _after(kept: Kept, file: ReceivedFile, association: Association) -> StoreAnswer:
    tell = partial(_tell, kept, file, _ends(association))
    if kept.recorded is Recorded.CONFLICT:
        return StoreAnswer(
            status=StoreStatus.DUPLICATE_INSTANCE,
            comment="UID is in use by another object",
            afterwards=tell,
        )
    return StoreAnswer(status=StoreStatus.SUCCESS, afterwards=tell)


def _tell(kept: Kept, file: ReceivedFile, ends: dict[str, str]) -> None:
    """Write down what came of an object; a log that cannot be written ends no association."""
    key = kept.admission.key
    about = {
        "study": uid_digest(key.study_uid),
        "instance": uid_digest(key.sop_instance_uid),
        "byte_count": file.byte_count,
        **ends,
    }
    with contextlib.suppress(OSError):
        if kept.recorded is Recorded.CONFLICT:
            _log.warning("object kept apart: its UID stands for another", **about)
            return
        _log.info(
            "object received" if kept.recorded is Recorded.NEW else "object received again",
            sop_class=UID(file.heading.command.sop_class_uid).name,
            transfer_syntax=file.heading.transfer_syntax.name,
            **about,
        )


def _ends(association: Association) -> dict[str, str]:
    return {
        "calling_ae": str(association.requestor.ae_title).strip(),
        "called_ae": str(association.acceptor.ae_title).strip(),
    }
