"""Makes pynetdicom's acceptor flat in memory and quick to answer; no rule of ours is here.

pynetdicom builds objects of every fragment, collects a data set in memory, and lets a peer's
nonsense end its threads. Negotiation, release, abort and time-outs stay its own, and so does every
message but C-STORE, which `storing` serves straight from the connection (see
docs/decisions/0006). Parts of it are replaced through the attributes that its objects carry for
them (``dul.socket``, ``dul._read_pdu_data``, the queues of ``dul``, ``dimse``,
``message.data_set``); tests/unit/dicom_node/test_upper_layer.py fails when an update of pynetdicom
moves one of them.
"""

import queue
import threading
import warnings
from collections.abc import Callable
from functools import partial
from io import BytesIO
from socketserver import BaseServer
from typing import Any, cast

import structlog
from pydicom.config import IGNORE, settings
from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from dicom_node.errors import MessageMalformed
from dicom_node.incoming import IncomingDataSet
from dicom_node.pdata import DataValue, command_pdus, values_of
from dicom_node.statuses import NO_TLS, TOO_MANY_CONNECTIONS
from dicom_node.store_command import StoreAnswer, StoreRequest
from dicom_node.storing import OpenDataSet, Storing
from dicom_node.tls import ServerTls, reason_of
from dicom_node.transport import (
    PATIENCE_SECONDS,
    Doorbell,
    RingingQueue,
    WaitingSocket,
    acknowledge_at_once,
    tune_socket,
)

_log = structlog.get_logger()

# The longest that is served, a report of storage commitment, names each object in 200 bytes.
MOST_MESSAGE_BYTES = 1 << 20
# PS3.8 table 9-5: data transfer.
_ESTABLISHED = "Sta6"
# A peer that is there shakes hands in a few round trips.
_LONGEST_HANDSHAKE_SECONDS = 10.0

ServeStore = Callable[[Association, StoreRequest, IncomingDataSet], StoreAnswer]


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


class _BoundedBuffer(BytesIO):
    """The data set of a message that pynetdicom serves."""

    def write(self, fragment: bytes) -> int:  # type: ignore[override]  # bytes is all that comes
        if self.tell() + len(fragment) > MOST_MESSAGE_BYTES:
            raise ValueError("the message is too long")
        return super().write(fragment)


class StoringProvider(DIMSEServiceProvider):
    """Serves C-STORE from the fragments themselves, and lets pynetdicom serve the rest.

    Parameters
    ----------
    assoc
        The association it serves.
    open_data_set
        Makes the place for one data set.
    serve
        Answers a C-STORE request whose data set has come; must not raise.
    """

    def __init__(self, assoc: Association, open_data_set: OpenDataSet, serve: ServeStore) -> None:
        super().__init__(assoc)
        self._storing = Storing(
            transfer_syntax_of=self._transfer_syntax_of,
            open_data_set=open_data_set,
            serve=partial(serve, assoc),
            send=self._send_command,
            pass_on=self._pass_on,
        )

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun and is not yet answered, or not yet handled."""
        return self._storing.is_busy or self.message is not None or not self.msg_queue.empty()

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

    def take(self, body: memoryview) -> None:
        """Take the body of the next P-DATA-TF PDU (PS3.8 9.3.5).

        Raises
        ------
        MessageMalformed
            It brings no DIMSE messages; the association cannot go on.
        """
        for value in values_of(body):
            self._storing.take(value)

    def discard(self) -> None:
        """Drop what was received of messages that nobody will handle; safe to repeat."""
        self._storing.discard()

    def _transfer_syntax_of(self, context_id: int) -> UID | None:
        # The contexts of pynetdicom's own table: the public list is made anew for each question.
        context = self.assoc._accepted_cx.get(context_id)
        return None if context is None else context.transfer_syntax[0]

    def _send_command(self, command: bytes, context_id: int) -> None:
        transport = self.dul.socket
        if transport is not None and transport.socket is not None:
            transport.send(
                command_pdus(
                    command, context_id=context_id, maximum_length=self.maximum_pdu_size or 0
                )
            )
            acknowledge_at_once(self.assoc)

    def _pass_on(self, value: DataValue) -> bool:
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = _BoundedBuffer()
        primitive = P_DATA()
        content = bytes((value.control,)) + value.fragment
        try:
            # pynetdicom says a tuple and takes a list only.
            primitive.presentation_data_value_list = [
                [value.context_id, content]  # type: ignore[list-item]
            ]
            self.receive_primitive(primitive)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # pynetdicom lets these end its thread, which leaves the peer waiting.
            raise MessageMalformed(type(error).__name__) from None
        return self.message is not None


class Acceptor(RequestHandler):
    """Prepares each new connection."""

    server: "Server"

    def _create_association(self) -> Association:
        tune_socket(self.request, timeout_seconds=self.server.timeout_seconds)
        association = super()._create_association()
        dul, bell = association.dul, Doorbell()
        provider = StoringProvider(association, self.server.open_data_set, self.server.serve_store)
        association.dimse = provider
        dul.to_user_queue = RingingQueue(provider.wake)
        dul.to_provider_queue = RingingQueue(bell.ring)
        # The transport made above has announced the connection; ours does so again.
        dul.event_queue.get_nowait()
        transport = dul.socket = WaitingSocket(
            association, self.request, longest_pdu_bytes=self.ae.maximum_pdu_size, bell=bell
        )
        dul._run_loop_delay = 0
        dul._read_pdu_data = partial(  # type: ignore[method-assign]  # see the module
            _read_pdus, dul, transport, provider, dul._read_pdu_data
        )
        dul.run = _guarded(dul.run, provider, bell)  # type: ignore[method-assign]  # see the module
        return association


def _read_pdus(
    dul: DULServiceProvider,
    transport: WaitingSocket,
    provider: StoringProvider,
    read_otherwise: Callable[[], None],
) -> None:
    """Read PDUs as long as they bring data, and then tell the state machine what came instead.

    pynetdicom's loop would sleep after each, which gives the processor away.
    """
    try:
        while dul.state_machine.current_state == _ESTABLISHED:
            body = transport.receive_data()
            if body is None:
                break
            provider.take(body)
            dul._idle_timer.restart()
            if _has_else_to_do(dul) or not transport.ready:
                return
        read_otherwise()
    except OSError:
        dul.event_queue.put("Evt17")  # PS3.8 table 9-10: connection closed
    except MessageMalformed as error:
        _log.warning("association aborted", reason="not a DIMSE message", error=str(error))
        provider.discard()
        # An unrecognised PDU is aborted (PS3.8 9.2.3, AA-8).
        dul.event_queue.put("Evt19")


def _has_else_to_do(dul: DULServiceProvider) -> bool:
    is_idle = dul.to_provider_queue.empty() and dul.event_queue.empty()
    return dul._kill_thread or not is_idle


def _guarded(
    run: Callable[[], None], provider: StoringProvider, bell: Doorbell
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
    serve_store
        Answers a C-STORE request whose data set has come; must not raise.
    timeout_seconds
        How long a peer may stay silent within a PDU.
    most_connections
        Connections beyond this many are closed before anything is read from them.
    tls
        None where the port speaks plain.
    on_turned_away
        Called with a label, words and the peer's address where a connection ends before there is
        an association.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *arguments: Any,  # passed through to pynetdicom, which makes the server
        open_data_set: OpenDataSet,
        serve_store: ServeStore,
        timeout_seconds: float,
        most_connections: int,
        tls: ServerTls | None,
        on_turned_away: Callable[[str, str, str], None],
        **keywords: Any,
    ) -> None:
        self.open_data_set = open_data_set
        self.serve_store = serve_store
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

    def verify_request(self, _request: object, client_address: Any) -> bool:  # as socketserver has
        """Whether there is room for another connection, associated or not."""
        if len(self.active_associations) + self._handshakes < self._most_connections:
            return True
        self._on_turned_away(TOO_MANY_CONNECTIONS, "too many connections", client_address[0])
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
            words = f"no agreement on TLS: {reason_of(error)}"
            self._on_turned_away(NO_TLS, words, client_address[0])
            self.shutdown_request(request)
            return
        finally:
            with self._handshakes_lock:
                self._handshakes -= 1
        super().finish_request(protected, client_address)
