"""Senders that cut their messages differently: the bytes that are kept are the same."""

from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from tests.builders.dicom_files import STUDY_UID, radiograph, written
from tests.builders.pdus import data_set_of, pdu, pieces, store_command, values
from tests.integration.dicom_node.conftest import Node, StartNode, data_set_bytes
from tests.integration.dicom_node.peers import associated, dcmtk, incoming_is_empty
from tests.orthanc import Orthanc
from tests.processes import wait_until


def say(association: Association, content: bytes) -> None:
    """Say bytes in an association as they are, and keep its own loop from the answers."""
    association._reactor_checkpoint.clear()
    wait_until(lambda: association._is_paused, within_seconds=5, what="a pause")
    transport = association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    transport.socket.sendall(content)


def answer_of(association: Association) -> C_STORE:
    _, answer = association.dimse.get_msg(block=True)
    assert isinstance(answer, C_STORE)
    return answer


def release(association: Association) -> None:
    association._reactor_checkpoint.set()
    association.release()


def message(association: Association, ds: FileDataset, cuts: list[int]) -> list[bytes]:
    """The values of a C-STORE request, cut at these places."""
    context_id = association.accepted_contexts[0].context_id
    assert context_id is not None
    command = store_command(ds.SOPClassUID, ds.SOPInstanceUID)
    return [
        *values(pieces(command, cuts), context_id=context_id, is_command=True),
        *values(pieces(data_set_of(ds), cuts), context_id=context_id, is_command=False),
    ]


@pytest.mark.parametrize(
    ("cuts", "per_pdu"),
    [
        ([], 2),  # the whole object in one PDU
        ([], 1),
        ([1, 20, 20, 61], 1),  # an empty fragment among them
        ([1, 20, 61], 3),  # the end of the command and the beginning of the data in one PDU
        ([1, 20, 61, 1000, 2000], 99),
    ],
)
def test_however_a_message_is_cut_the_same_bytes_are_kept(
    node: Node, cuts: list[int], per_pdu: int
) -> None:
    association, ds = associated(node), radiograph(rows=200, columns=300)
    some = message(association, ds, cuts)
    content = b"".join(pdu(*some[at : at + per_pdu]) for at in range(0, len(some), per_pdu))
    # In pieces that fit no PDU.
    for at in range(0, len(content), 7001):
        say(association, content[at : at + 7001])
    answer = answer_of(association)
    assert answer.Status == 0
    assert answer.MessageIDBeingRespondedTo == 7
    assert answer.AffectedSOPInstanceUID == ds.SOPInstanceUID
    release(association)
    assert node.data_set_of(ds.SOPInstanceUID) == data_set_of(ds)


def test_requests_that_come_before_the_answers_are_answered_in_order(node: Node) -> None:
    association = associated(node)
    objects = [radiograph() for _ in range(3)]
    say(association, b"".join(pdu(*message(association, ds, [])) for ds in objects))
    answers = [answer_of(association) for _ in objects]
    assert [one.Status for one in answers] == [0, 0, 0]
    assert [one.AffectedSOPInstanceUID for one in answers] == [ds.SOPInstanceUID for ds in objects]
    release(association)


def test_echoes_between_objects_are_answered(node: Node, tmp_path: Path) -> None:
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(Verification)
    ae.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    for number in range(3):
        path = written(radiograph(), tmp_path, f"{number}.dcm")
        assert association.send_c_echo().Status == 0
        assert association.send_c_store(path).Status == 0
    assert association.send_c_echo().Status == 0
    association.release()
    assert association.is_released
    assert len(node.study().instances) == 3


def test_an_answer_fits_the_smallest_pdus(node: Node, tmp_path: Path) -> None:
    ae = AE(ae_title="TESTSCU")
    ae.maximum_pdu_size = 64
    ae.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    assert association.send_c_store(written(radiograph(), tmp_path)).Status == 0
    association.release()


def test_a_context_that_was_not_accepted_ends_the_association(node: Node) -> None:
    association, ds = associated(node), radiograph()
    command = store_command(ds.SOPClassUID, ds.SOPInstanceUID)
    say(association, pdu(*values([command], context_id=99, is_command=True)))
    association._reactor_checkpoint.set()
    wait_until(lambda: association.is_aborted, within_seconds=5, what="the abort")
    assert incoming_is_empty(node.archive)


def test_each_context_keeps_its_own_transfer_syntax(node: Node, tmp_path: Path) -> None:
    ae = AE(ae_title="TESTSCU")
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    for syntax in syntaxes:
        ae.add_requested_context(ComputedRadiographyImageStorage, syntax)
        ae.requested_contexts[-1].transfer_syntax = [syntax]
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    for number, syntax in enumerate(syntaxes * 2):
        ds = radiograph(transfer_syntax_uid=syntax)
        path = written(ds, tmp_path, f"{number}.dcm")
        assert association.send_c_store(path).Status == 0
        assert node.data_set_of(ds.SOPInstanceUID) == data_set_bytes(path.read_bytes())
    association.release()


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu_bytes", ["4096", "16384", "131072"])
def test_dcmsend_sends_in_pdus_of_any_length(node: Node, tmp_path: Path, pdu_bytes: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    sent = {}
    for number in range(5):
        ds = radiograph(rows=300, columns=400)
        path = written(ds, folder, f"{number}.dcm")
        sent[ds.SOPInstanceUID] = data_set_bytes(path.read_bytes())
    done = dcmtk(
        "dcmsend", "-aet", "DCMSEND", "-aec", "HILUM", "--max-send-pdu", pdu_bytes, "+sd",
        "127.0.0.1", str(node.port), folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {uid: node.data_set_of(uid) for uid in sent} == sent


@pytest.mark.peer("orthanc")
def test_orthanc_sends_what_it_was_sent(
    start_node: StartNode, orthanc: Orthanc, tmp_path: Path
) -> None:
    ds = radiograph(rows=600, columns=700)
    path = written(ds, tmp_path)
    node = start_node(host="0.0.0.0", accept_unknown_peers=True)  # noqa: S104  # Orthanc is elsewhere
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    to_orthanc = ae.associate(orthanc.host, orthanc.port)
    assert to_orthanc.send_c_store(path).Status == 0
    to_orthanc.release()
    orthanc.add_modality("hilum", "HILUM", node.port)
    orthanc.send_study(STUDY_UID, "hilum")
    assert node.data_set_of(ds.SOPInstanceUID) == data_set_bytes(path.read_bytes())
