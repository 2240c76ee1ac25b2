"""Guards what `upper_layer` relies on of pynetdicom."""

import inspect
import queue
from io import BytesIO

from pynetdicom import AE, dimse, dimse_messages, transport
from pynetdicom.association import Association


def test_pynetdicom_still_has_what_is_replaced_in_it() -> None:
    association = Association(AE(), "acceptor")
    assert isinstance(association.dimse, dimse.DIMSEServiceProvider)
    assert association.dul.socket is None
    assert association.dul._run_loop_delay > 0
    assert type(association.dul.to_user_queue) is queue.Queue
    assert type(association.dul.to_provider_queue) is queue.Queue
    assert callable(transport.AssociationSocket.recv)
    assert isinstance(transport.AssociationSocket.ready, property)
    assert callable(transport.RequestHandler._create_association)
    assert isinstance(dimse_messages.DIMSEMessage().data_set, BytesIO)


def test_pynetdicom_still_makes_a_message_only_where_there_is_none() -> None:
    source = inspect.getsource(dimse.DIMSEServiceProvider.receive_primitive)
    assert "if self.message is None" in source
