"""What the PDUs of an association say of how it ends (PS3.8 9.3), for the log of associations.

Judged by PDUs alone, which one thread sees in their order; pynetdicom's own events of release and
abort come from another thread, and may come after the connection is closed.
"""

from collections.abc import Callable
from functools import partial

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ABORT_RQ, A_RELEASE_RP

from archive.association_records import AssociationOutcome
from dicom_node.call_log import CallLog
from dicom_node.incoming import IncomingDataSet
from dicom_node.statuses import StoreStatus
from dicom_node.store_command import StoreAnswer, StoreRequest
from dicom_node.upper_layer import ServeStore

STOPPED = "the node was stopped"
# PS3.8 table 9-26: source 0 is the service-user; for the service-provider there are reasons.
_BY_USER = 0
_ABORT_REASONS = {
    0: "no reason given",
    1: "unrecognised PDU",
    2: "unexpected PDU",
    4: "unrecognised PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}


def call_handlers(calls: CallLog, is_stopping: Callable[[], bool]) -> list[evt.EventHandlerType]:
    """Return what pynetdicom calls for each association of a listener."""
    return [
        (evt.EVT_CONN_OPEN, partial(_handle_opened, calls=calls)),
        (evt.EVT_PDU_RECV, partial(_handle_received, calls=calls)),
        (evt.EVT_PDU_SENT, partial(_handle_sent, calls=calls, is_stopping=is_stopping)),
        (evt.EVT_ABORTED, partial(_handle_aborted, calls=calls)),
        (evt.EVT_CONN_CLOSE, partial(_handle_closed, calls=calls)),
    ]


def counting_refusals(serve: ServeStore, calls: CallLog) -> ServeStore:
    """Return what serves a C-STORE as `serve` does, and counts what it refuses."""

    def serve_counted(
        association: Association, request: StoreRequest, data_set: IncomingDataSet
    ) -> StoreAnswer:
        answer = serve(association, request, data_set)
        if answer.status != StoreStatus.SUCCESS:
            calls.refused(id(association))
        return answer

    return serve_counted


def _handle_opened(event: Event, calls: CallLog) -> None:
    calls.opened(id(event.assoc), str(event.assoc.requestor.address))


def _handle_received(event: Event, calls: CallLog) -> None:
    if isinstance(event.pdu, A_ABORT_RQ):
        words = _words_of(event.pdu)
        calls.ends(id(event.assoc), AssociationOutcome.ABORTED_BY_PEER, words)


def _handle_sent(event: Event, calls: CallLog, is_stopping: Callable[[], bool]) -> None:
    if isinstance(event.pdu, A_RELEASE_RP):
        calls.ends(id(event.assoc), AssociationOutcome.RELEASED)
    elif isinstance(event.pdu, A_ABORT_RQ):
        _note_silence(event, calls)
        words = STOPPED if is_stopping() else _words_of(event.pdu)
        calls.ends(id(event.assoc), AssociationOutcome.ABORTED_BY_US, words)


def _handle_aborted(event: Event, calls: CallLog) -> None:
    # Before our A-ABORT is sent, and also where the peer no longer takes it.
    _note_silence(event, calls)


def _handle_closed(event: Event, calls: CallLog) -> None:
    # A peer that stops within a PDU loses its connection without an A-ABORT.
    _note_silence(event, calls)
    calls.left(id(event.assoc))


def _note_silence(event: Event, calls: CallLog) -> None:
    if event.assoc.dul.idle_timer_expired():
        words = f"nothing came for {event.assoc.network_timeout:g} s"
        calls.ends(id(event.assoc), AssociationOutcome.TIMED_OUT, words)


def _words_of(pdu: A_ABORT_RQ) -> str:
    if pdu.source == _BY_USER:
        return "by the application (source 0)"
    reason = _ABORT_REASONS.get(pdu.reason_diagnostic or 0, "unknown reason")
    return f"{reason} (source {pdu.source}, reason {pdu.reason_diagnostic})"
