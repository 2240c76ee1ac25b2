"""Associations that we open: an answer reaches whoever asked."""

from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from dicom_node.sender import Peer, application_entity, associate
from tests.integration.dicom_node.conftest import Node
from tests.processes import wait_until

TIMEOUT_SECONDS = 5.0


def test_an_answer_waits_for_who_asked_even_where_the_idle_loop_runs(node: Node) -> None:
    peer = Peer(ae_title="HILUM", host="127.0.0.1", port=node.port)
    ae = application_entity("TESTSCU", timeout_seconds=TIMEOUT_SECONDS)
    association = associate(ae, peer, [build_context(Verification)], TIMEOUT_SECONDS)
    try:
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
    finally:
        association.release()
