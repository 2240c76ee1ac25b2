"""Both ends of an association: an answer comes to whoever asked, and nothing waits for nothing."""

import socket
import threading
from collections.abc import Iterator

import pytest
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from dicom_node.sender import Peer, application_entity, associate
from tests.builders.dicom_files import radiograph
from tests.integration.dicom_node.conftest import Node
from tests.integration.dicom_node.peers import associated
from tests.processes import wait_until

TIMEOUT_SECONDS = 5.0

linux_only = pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only")


@pytest.fixture
def association(node: Node) -> Iterator[Association]:
    peer = Peer(ae_title="HILUM", host="127.0.0.1", port=node.port)
    ae = application_entity("TESTSCU", timeout_seconds=TIMEOUT_SECONDS)
    opened = associate(ae, peer, [build_context(Verification)], TIMEOUT_SECONDS)
    yield opened
    opened.release()


def test_an_answer_waits_for_who_asked_even_where_the_idle_loop_runs(
    association: Association,
) -> None:
    request = C_ECHO()
    request.MessageID = 7
    request.AffectedSOPClassUID = Verification
    context = association.accepted_contexts[0].context_id
    assert context is not None
    # As when a request takes the loop for halted, which it is not: see `sender`.
    association.dimse.send_msg(request, context)
    wait_until(
        lambda: not association.dimse.msg_queue.empty(),
        within_seconds=TIMEOUT_SECONDS,
        what="an answer that nobody took away",
    )
    _, answer = association.dimse.get_msg(block=True)
    assert isinstance(answer, C_ECHO)
    assert answer.MessageIDBeingRespondedTo == 7
    assert association.send_c_echo().Status == 0x0000


def acknowledges_at_once(association: Association) -> bool:
    transport = association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    return transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1


@linux_only
def test_an_answer_is_acknowledged_at_once(association: Association) -> None:
    for _ in range(3):
        association.send_c_echo()
        assert acknowledges_at_once(association)


@linux_only
def test_the_next_object_is_acknowledged_at_once(node: Node) -> None:
    caller = associated(node)
    (called,) = [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, Association) and thread.is_acceptor
    ]
    for _ in range(3):
        assert caller.send_c_store(radiograph()).Status == 0x0000
        # The answer may be here before the node's thread goes on.
        wait_until(
            lambda: acknowledges_at_once(called), within_seconds=TIMEOUT_SECONDS, what="quick ACKs"
        )
    caller.release()
