"""Repeats, conflicts, and objects that cannot be placed: each gets a clear status."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from dicom_node.statuses import StoreStatus
from tests.builders.dicom_files import file_bytes, radiograph, written
from tests.integration.dicom_node.conftest import Node, data_set_bytes
from tests.integration.dicom_node.peers import incoming_is_empty


def test_the_same_object_ten_times_is_one_instance(node: Node, tmp_path: Path) -> None:
    path = written(radiograph(), tmp_path)
    answers = node.send(*[path] * 10)
    assert [answer.status for answer in answers] == [0] * 10
    assert len(node.study().instances) == 1
    assert len(list(node.archive.files.list_keys("received"))) == 1
    assert incoming_is_empty(node.archive)


def test_another_object_under_the_same_uid_is_refused_and_kept_apart(
    node: Node, tmp_path: Path
) -> None:
    ds = radiograph()
    first = written(ds, tmp_path, "first.dcm")
    ds.PatientID = "SOMEBODY-ELSE"
    second = written(ds, tmp_path, "second.dcm")
    answers = node.send(first, second)
    assert [answer.status for answer in answers] == [0, StoreStatus.DUPLICATE_INSTANCE]
    assert "in use by another object" in answers[1].words
    assert node.data_set_of(ds.SOPInstanceUID) == data_set_bytes(first.read_bytes())
    (apart,) = node.archive.files.list_keys("conflicts")
    assert data_set_bytes(node.archive.files.read(apart)) == data_set_bytes(second.read_bytes())


@pytest.mark.parametrize(
    ("elements", "status"),
    [
        ({"StudyInstanceUID": None}, StoreStatus.CANNOT_UNDERSTAND),
        ({"SeriesInstanceUID": None}, StoreStatus.CANNOT_UNDERSTAND),
        ({"SOPInstanceUID": None}, StoreStatus.CANNOT_UNDERSTAND),
    ],
)
def test_an_object_without_keys_is_refused_and_the_next_is_taken(
    node: Node, tmp_path: Path, elements: dict[str, Any], status: StoreStatus
) -> None:
    bad = written(radiograph(**elements), tmp_path, "a.dcm")
    good = written(radiograph(), tmp_path, "b.dcm")
    answers = node.send(bad, good)
    assert [answer.status for answer in answers] == [status, 0]
    assert incoming_is_empty(node.archive)


@pytest.mark.parametrize("uid", ["../../../../escaped", "1.2.3/../../x", "1.2.003", "hello"])
def test_a_uid_that_is_a_path_writes_nothing_anywhere(node: Node, tmp_path: Path, uid: str) -> None:
    path = tmp_path / "bad.dcm"
    ds = radiograph()
    good_uid = str(ds.SOPInstanceUID)
    padded = uid.ljust(len(good_uid), "\0").encode()
    path.write_bytes(file_bytes(ds).replace(good_uid.encode(), padded))
    before = {found for found in tmp_path.rglob("*") if found.is_file()}
    (answer,) = node.send(path)
    assert answer.status == StoreStatus.INVALID_INSTANCE_UID
    after = {found for found in tmp_path.rglob("*") if found.is_file()}
    assert {found for found in after - before if found.suffix in (".dcm", ".part")} == set()


def test_what_is_not_what_the_request_says_is_refused(node: Node, tmp_path: Path) -> None:
    ds = radiograph()
    other = generate_uid(entropy_srcs=["other"])[: len(ds.SOPInstanceUID)]
    content = file_bytes(ds)
    meta_end = 144 + int.from_bytes(content[140:144], "little")
    changed = content[:meta_end] + content[meta_end:].replace(
        ds.SOPInstanceUID.encode(), other.ljust(len(ds.SOPInstanceUID), "1").encode()
    )
    path = tmp_path / "changed.dcm"
    path.write_bytes(changed)
    (answer,) = node.send(path)
    assert answer.status == StoreStatus.DATA_SET_MISMATCH


def test_truncated_and_mutilated_objects_never_stop_the_queue(node: Node, tmp_path: Path) -> None:
    content = file_bytes(radiograph())
    meta_end = 144 + int.from_bytes(content[140:144], "little")
    bodies = {
        "empty": b"",
        "cut header": content[meta_end : meta_end + 61],
        "zeros": bytes(500),
        "text": b"this is not DICOM " * 30,
    }
    paths = []
    for name, body in bodies.items():
        paths.append(tmp_path / f"{name}.dcm")
        paths[-1].write_bytes(content[:meta_end] + body)
    answers = node.send(*paths, written(radiograph(), tmp_path))
    statuses = [answer.status for answer in answers]
    assert statuses == [StoreStatus.CANNOT_UNDERSTAND] * 4 + [0]
    assert incoming_is_empty(node.archive)


def test_cut_pixels_and_wrong_modalities_are_stored_for_the_worker(
    node: Node, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(file_bytes(radiograph())[:-1000])
    answers = node.send(cut, written(radiograph(Modality="CT"), tmp_path, "ct.dcm"))
    assert [answer.status for answer in answers] == [0, 0]
    assert len(node.study().instances) == 2
