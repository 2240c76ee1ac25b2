from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ComputedRadiographyImageStorage
from pynetdicom.dimse_messages import C_ECHO_RQ
from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.dsutils import decode, encode

from dicom_node.statuses import StoreStatus
from dicom_node.store_command import (
    StoreAnswer,
    StoreRequest,
    read_store_request,
    write_store_response,
)
from tests.builders.pdus import store_command


def a_request(uid: str = "1.2.3") -> StoreRequest:
    content = store_command(ComputedRadiographyImageStorage, uid)
    request = read_store_request(content, context_id=3)
    assert request is not None
    return request


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1" * 64])
def test_a_request_is_read_as_pynetdicom_writes_it(uid: str) -> None:
    request = a_request(uid)
    assert request.context_id == 3
    assert request.message_id == 7
    assert request.has_data_set
    assert request.command.sop_class_uid == ComputedRadiographyImageStorage
    assert request.command.sop_instance_uid == uid


def test_a_request_without_a_data_set_says_so() -> None:
    content = store_command(ComputedRadiographyImageStorage, "1.2.3", with_data_set=False)
    request = read_store_request(content, context_id=1)
    assert request is not None
    assert not request.has_data_set


def test_another_request_is_none_of_ours() -> None:
    primitive = C_ECHO()
    primitive.MessageID = 1
    message = C_ECHO_RQ()
    message.primitive_to_message(primitive)
    content = encode(message.command_set, True, True)
    assert content is not None
    assert read_store_request(content, context_id=1) is None


@given(st.data())
def test_a_broken_command_is_none_of_ours_or_still_one(data: st.DataObject) -> None:
    content = bytearray(store_command(ComputedRadiographyImageStorage, "1.2.3"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    request = read_store_request(bytes(content), context_id=1)
    assert request is None or 0 <= request.message_id <= 0xFFFF


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34"])
@pytest.mark.parametrize("comment", ["", "no room left", "x" * 100])
def test_pynetdicom_reads_our_response(uid: str, comment: str) -> None:
    answer = StoreAnswer(status=StoreStatus.OUT_OF_RESOURCES, comment=comment)
    content = write_store_response(a_request(uid), answer)
    ds = decode(BytesIO(content), True, True)
    assert ds.CommandGroupLength == len(content) - 12
    assert ds.CommandField == 0x8001
    assert ds.MessageIDBeingRespondedTo == 7
    assert ds.CommandDataSetType == 0x0101
    assert ds.Status == 0xA700
    assert ds.AffectedSOPClassUID == ComputedRadiographyImageStorage
    assert ds.AffectedSOPInstanceUID == uid
    assert ds.get("ErrorComment", "") == comment[:64]
