from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
)

from archive.files import FileStore, sha256_of
from dicom_node.errors import ObjectRefused
from dicom_node.incoming import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    Heading,
    IncomingDataSet,
    preamble_and_meta,
)
from dicom_node.intake import Command
from dicom_node.statuses import StoreStatus

CONTENT = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"
MEBIBYTE = 1 << 20  # so much is written at once


class FullStore(FileStore):
    """A store whose disk has little room, or fails."""

    free = 1 << 40

    def free_bytes(self) -> int:
        return self.free


def heading(uid: str = "1.2.3", sop_class: str = ComputedRadiographyImageStorage) -> Heading:
    command = Command(sop_class_uid=sop_class, sop_instance_uid=uid)
    return Heading(command=command, transfer_syntax=UID(ExplicitVRLittleEndian))


@pytest.fixture
def store(tmp_path: Path) -> FullStore:
    return FullStore(tmp_path)


def data_set(store: FileStore, said: Heading | None = None) -> IncomingDataSet:
    return IncomingDataSet(store, minimum_free_bytes=1000, heading=said or heading())


def test_fragments_are_kept_as_they_come_behind_preamble_and_meta(store: FullStore) -> None:
    incoming = data_set(store)
    for position in range(0, len(CONTENT), 5):
        incoming.write(CONTENT[position : position + 5])
    file = incoming.finish()
    written = file.path.read_bytes()
    assert written[file.data_set_offset :] == CONTENT
    assert written[128:132] == b"DICM"
    assert file.byte_count == len(written)
    assert file.file_sha256 == sha256_of(written)
    meta = dcmread(file.path).file_meta
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert file.path.parent == store.incoming


# Around the end of a piece, in which the meta information counts too.
EXACT = MEBIBYTE - len(preamble_and_meta(heading()))


@given(st.lists(st.integers(1, 700_000), min_size=1, max_size=6))
@example([EXACT])
@example([EXACT - 1, 1, 1])
@example([1, EXACT, MEBIBYTE])
@example([3 * MEBIBYTE])
@settings(deadline=None, max_examples=30)
def test_a_data_set_in_any_fragments_is_one_file(sizes: list[int]) -> None:
    content = (bytes(range(251)) * (sum(sizes) // 251 + 1))[: sum(sizes)]
    with TemporaryDirectory() as folder:
        incoming = data_set(FileStore(Path(folder)))
        begin = 0
        for size in sizes:
            # The buffer of the connection is filled again behind each fragment.
            fragment = bytearray(content[begin : begin + size])
            incoming.write(memoryview(fragment))
            fragment[:] = bytes(size)
            begin += size
        file = incoming.finish()
        written = file.path.read_bytes()
    assert written[file.data_set_offset :] == content
    assert file.byte_count == len(written)
    assert file.file_sha256 == sha256_of(written)
    assert file.beginning == content[: 1 << 15]


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1" * 64])
def test_the_file_meta_is_what_pydicom_writes(uid: str) -> None:
    said = heading(uid)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(said.command.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = said.transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    expected = DicomBytesIO()
    expected.write(bytes(128) + b"DICM")
    write_file_meta_info(expected, meta)
    assert preamble_and_meta(said) == expected.getvalue()


def test_the_same_data_set_makes_the_same_file(store: FullStore) -> None:
    digests = set()
    for _ in range(2):
        incoming = data_set(store)
        incoming.write(CONTENT)
        digests.add(incoming.finish().file_sha256)
    assert len(digests) == 1


def test_without_room_nothing_is_written(store: FullStore) -> None:
    store.free = 999
    incoming = data_set(store)
    incoming.write(CONTENT)
    with pytest.raises(ObjectRefused) as caught:
        incoming.finish()
    assert caught.value.status is StoreStatus.OUT_OF_RESOURCES
    assert list(store.incoming.iterdir()) == []


@pytest.mark.parametrize("rest", [CONTENT, bytes(MEBIBYTE)], ids=["at its end", "within"])
def test_a_disk_that_fails_half_way_leaves_nothing_partial(store: FullStore, rest: bytes) -> None:
    incoming = data_set(store)
    incoming.write(bytes(MEBIBYTE))

    class Broken:
        def write(self, _content: object) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    assert incoming._file is not None
    incoming._file.close()
    incoming._file = Broken()  # type: ignore[assignment]  # fails as a full disk does
    incoming.write(rest)
    incoming.write(rest)
    with pytest.raises(ObjectRefused) as caught:
        incoming.finish()
    assert caught.value.status is StoreStatus.OUT_OF_RESOURCES
    assert list(store.incoming.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (heading("../../1.2"), StoreStatus.INVALID_INSTANCE_UID),
        (heading(sop_class=CTImageStorage), StoreStatus.CLASS_NOT_SUPPORTED),
    ],
)
def test_what_may_not_be_stored_is_never_written(
    store: FullStore, said: Heading, status: StoreStatus
) -> None:
    incoming = data_set(store, said)
    incoming.write(CONTENT)
    with pytest.raises(ObjectRefused) as caught:
        incoming.finish()
    assert caught.value.status is status
    assert list(store.incoming.iterdir()) == []


def test_an_empty_data_set_is_not_understood(store: FullStore) -> None:
    with pytest.raises(ObjectRefused) as caught:
        data_set(store).finish()
    assert caught.value.status is StoreStatus.CANNOT_UNDERSTAND


def test_what_nobody_takes_is_removed(store: FullStore) -> None:
    incoming = data_set(store)
    incoming.write(bytes(MEBIBYTE))
    assert len(list(store.incoming.iterdir())) == 1
    incoming.discard()
    incoming.discard()
    assert list(store.incoming.iterdir()) == []


def test_what_was_moved_to_its_place_is_left_alone(store: FullStore, tmp_path: Path) -> None:
    incoming = data_set(store)
    incoming.write(CONTENT)
    path = incoming.finish().path
    path.rename(tmp_path / "kept.dcm")
    incoming.discard()
    assert (tmp_path / "kept.dcm").exists()
