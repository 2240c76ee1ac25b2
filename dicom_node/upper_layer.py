"""Makes pynetdicom's acceptor flat in memory and quick to answer; no rule of ours is here.

pynetdicom collects a data set in memory and lets a peer's nonsense end its threads. Parts of it
are replaced through the attributes that its objects carry for them (``dul.socket``, the queues of
``dul``, ``dimse``, ``message.data_set``); tests/unit/dicom_node/test_upper_layer.py fails when an
update of pynetdicom moves one of them.
"""

import queue
import threading
import warnings
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any, cast

import structlog
from pydicom.config import IGNORE, settings
from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from dicom_node.incoming import Heading, IncomingDataSet
from dicom_node.intake import Command
from dicom_node.statuses import NO_TLS, TOO_MANY_CONNECTIONS
from dicom_node.tls import ServerTls, reason_of
from dicom_node.transport import (
    PATIENCE_SECONDS,
    Doorbell,
    RingingQueue,
    WaitingSocket,
    tune_socket,
)

_log = structlog.get_logger()

# PS3.7 E.1-1, Command Field (0000,0100).
N_EVENT_REPORT_RQ = 0x0100
# A peer that is there shakes hands in a few round trips.
_LONGEST_HANDSHAKE_SECONDS = 10.0

OpenDataSet = Callable[[Callable[[], Heading]], IncomingDataSet]


def prefer_requestors_order(association: Association) -> None:
    """Accept, of each context's transfer syntaxes, the first that the requestor names.

    pynetdicom goes by the acceptor's order instead, so a sender that offers its own compressed
    syntax first and an uncompressed one to fall back on would have to decode every object.
    """
    request = cast(A_ASSOCIATE, association.requestor.primitive)
    named: dict[UID | None, list[UID]] = {}
    for offered in request.presentation_context_definition_list:
        named.setdefault(offered.abstract_syntax, []).extend(offered.transfer_syntax)
    for supported in association.acceptor.supported_contexts:
        ours = supported.transfer_syntax
        first = [uid for uid in named.get(supported.abstract_syntax, ()) if uid in ours]
        supported.transfer_syntax = list(dict.fromkeys([*first, *ours]))


def prepare_pynetdicom() -> None:
    """Set what pynetdicom and pydicom keep for a whole process; safe to repeat."""
    # Its own logging handlers render every PDU, element values included.
    _config.LOG_HANDLER_LEVEL = "none"
    # Files are sent as their bytes are, not parsed and encoded again.
    _config.STORE_SEND_CHUNKED_DATASET = True
    # Warnings about malformed values quote the values.
    settings.reading_validation_mode = IGNORE
    warnings.filterwarnings("ignore", module=r"(pydicom|pynetdicom)\b")


class StreamingProvider(DIMSEServiceProvider):
    """Lets every message that is received keep its data set in a file.

    Parameters
    ----------
    assoc
        The association it serves.
    open_data_set
        Makes the place for one data set.
    """

    def __init__(self, assoc: Association, open_data_set: OpenDataSet) -> None:
        super().__init__(assoc)
        self._open_data_set = open_data_set

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun and not yet ended."""
        return self.message is not None or not self.msg_queue.empty()

    def get_msg(self, block: bool = False) -> Any:  # pynetdicom's own tuple
        """Return the next message; waits a little for one also where pynetdicom would not.

        Its reactor asks again and again; whatever else it looks for puts an empty message here
        (see `wake`).
        """
        if block:
            return super().get_msg(block=True)
        try:
            return self.msg_queue.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            return None, None

    def wake(self) -> None:
        """Let `get_msg` return; pynetdicom does the same when a connection ends."""
        self.msg_queue.put((None, None))

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the next piece of a message (PS3.7 6.3)."""
        if self.message is None:
            message = self.message = DIMSEMessage()
            message.data_set = self._open_data_set(lambda: self._heading(message))
        try:
            super().receive_primitive(primitive)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # pynetdicom lets these end its thread, which leaves the peer waiting; an
            # unrecognised PDU is aborted instead (PS3.8 9.2.3, AA-8 by Evt19).
            _log.warning(
                "association aborted", reason="not a DIMSE message", error=type(error).__name__
            )
            self.discard()
            self.dul.event_queue.put("Evt19")

    def discard(self) -> None:
        """Drop what was received of messages that nobody will handle; safe to repeat."""
        if self.message is not None and isinstance(self.message.data_set, IncomingDataSet):
            self.message.data_set.close()

    def _heading(self, message: DIMSEMessage) -> Heading:
        command = message.command_set
        contexts = {context.context_id: context for context in self.assoc.accepted_contexts}
        context = contexts.get(message.context_id)
        syntaxes = context.transfer_syntax if context is not None else [UID("")]
        return Heading(
            command=Command(
                sop_class_uid=str(command.get("AffectedSOPClassUID") or ""),
                sop_instance_uid=str(command.get("AffectedSOPInstanceUID") or ""),
            ),
            transfer_syntax=syntaxes[0],
            is_notification=command.get("CommandField") == N_EVENT_REPORT_RQ,
        )


class Acceptor(RequestHandler):
    """Prepares each new connection."""

    server: "Server"

    def _create_association(self) -> Association:
        tune_socket(self.request, timeout_seconds=self.server.timeout_seconds)
        association = super()._create_association()
        dul, bell = association.dul, Doorbell()
        provider = StreamingProvider(association, self.server.open_data_set)
        association.dimse = provider
        dul.to_user_queue = RingingQueue(provider.wake)
        dul.to_provider_queue = RingingQueue(bell.ring)
        # The transport made above has announced the connection; ours does so again.
        dul.event_queue.get_nowait()
        dul.socket = WaitingSocket(
            association, self.request, longest_pdu_bytes=self.ae.maximum_pdu_size, bell=bell
        )
        dul._run_loop_delay = 0
        dul.run = _guarded(dul.run, provider, bell)  # type: ignore[method-assign]  # see the module
        return association


def _guarded(
    run: Callable[[], None], provider: StreamingProvider, bell: Doorbell
) -> Callable[[], None]:
    """Let an association's thread end in order, whatever a peer made of its protocol.

    pynetdicom raises where a peer breaks the state machine; the association's other thread sees
    that this one is gone and closes the connection.
    """

    def run_guarded() -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001  # the loop of this thread
            _log.warning("association broke", error=type(error).__name__)
        finally:
            provider.discard()
            bell.close()

    return run_guarded


class Server(ThreadedAssociationServer):
    """A listening port.

    Parameters
    ----------
    open_data_set
        Makes the place for one incoming data set.
    timeout_seconds
        How long a peer may stay silent within a PDU.
    most_connections
        Connections beyond this many are closed before anything is read from them.
    tls
        None where the port speaks plain.
    on_turned_away
        Called with a label and words where a connection ends before there is an association.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *arguments: Any,  # passed through to pynetdicom, which makes the server
        open_data_set: OpenDataSet,
        timeout_seconds: float,
        most_connections: int,
        tls: ServerTls | None,
        on_turned_away: Callable[[str, str], None],
        **keywords: Any,
    ) -> None:
        self.open_data_set = open_data_set
        self.timeout_seconds = timeout_seconds
        self._most_connections = most_connections
        self._tls = tls
        self._on_turned_away = on_turned_away
        self._handshakes = 0
        self._handshakes_lock = threading.Lock()
        keywords["request_handler"] = Acceptor
        super().__init__(*arguments, **keywords)

    def stop_listening(self) -> None:
        """Close the port; associations that are open go on. Not safe to repeat."""
        # The class above us takes itself off a list that only `AE.start_server` puts it on.
        BaseServer.shutdown(self)
        self.server_close()

    def verify_request(self, _request: object, _client_address: object) -> bool:
        """Whether there is room for another connection, associated or not."""
        if len(self.active_associations) + self._handshakes < self._most_connections:
            return True
        self._on_turned_away(TOO_MANY_CONNECTIONS, "too many connections")
        return False

    def finish_request(self, request: Any, client_address: Any) -> None:  # as socketserver has it
        """Serve a connection, in a thread of its own; behind TLS, agree on it first."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        with self._handshakes_lock:
            self._handshakes += 1
        try:
            # Here and not where connections are accepted: one that stays silent must not keep
            # the others out.
            request.settimeout(min(self.timeout_seconds, _LONGEST_HANDSHAKE_SECONDS))
            protected = self._tls.wrap(request)
        except OSError as error:
            self._on_turned_away(NO_TLS, f"no agreement on TLS: {reason_of(error)}")
            self.shutdown_request(request)
            return
        finally:
            with self._handshakes_lock:
                self._handshakes -= 1
        super().finish_request(protected, client_address)
