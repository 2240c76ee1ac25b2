"""Guards what `upper_layer` relies on of pynetdicom."""

import inspect
import queue
from io import BytesIO

from pynetdicom import AE, acse, dimse, dimse_messages, dul, transport
from pynetdicom.association import Association


def test_pynetdicom_still_has_what_is_replaced_in_it() -> None:
    association = Association(AE(), "acceptor")
    assert isinstance(association.dimse, dimse.DIMSEServiceProvider)
    assert association.dul.socket is None
    assert association.dul._run_loop_delay > 0
    assert callable(association.dul._read_pdu_data)
    assert callable(association.dul._idle_timer.restart)
    assert association.dul._kill_thread is False
    assert association.dul.state_machine.current_state == "Sta1"
    assert association._accepted_cx == {}
    assert type(association.dul.to_user_queue) is queue.Queue
    assert type(association.dul.to_provider_queue) is queue.Queue
    assert callable(transport.AssociationSocket.recv)
    assert isinstance(transport.AssociationSocket.ready, property)
    assert callable(transport.RequestHandler._create_association)
    assert isinstance(dimse_messages.DIMSEMessage().data_set, BytesIO)


def test_pynetdicom_still_makes_a_message_only_where_there_is_none() -> None:
    source = inspect.getsource(dimse.DIMSEServiceProvider.receive_primitive)
    assert "if self.message is None" in source


def test_pynetdicom_still_reads_from_the_connection_in_one_place() -> None:
    source = inspect.getsource(dul.DULServiceProvider)
    assert source.count("self._read_pdu_data()") == 2  # data transfer, and after an abort
    assert source.count("self.socket.recv(") == 2  # the header of a PDU, and its body


def test_pynetdicom_still_knows_its_contexts_before_it_accepts() -> None:
    source = inspect.getsource(acse.ACSE._negotiate_as_acceptor)
    assert source.index("self.assoc._accepted_cx =") < source.index("self.send_accept()")
