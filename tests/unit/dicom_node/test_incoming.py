"""However a data set is cut, the file holds it whole, with its digest and its beginning."""

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from archive.files import FileStore
from dicom_node.incoming import Heading, IncomingDataSet, preamble_and_meta
from dicom_node.intake import Command

HEADING = Heading(
    command=Command(sop_class_uid=ComputedRadiographyImageStorage, sop_instance_uid="1.2.3"),
    transfer_syntax=ExplicitVRLittleEndian,
)
MEBIBYTE = 1 << 20
META_BYTES = len(preamble_and_meta(HEADING))
# Around a piece's end, which counts the meta information too.
EXACT = MEBIBYTE - META_BYTES


@given(st.lists(st.integers(1, 700_000), min_size=1, max_size=6))
@example([EXACT])
@example([EXACT - 1, 1, 1])
@example([1, EXACT, MEBIBYTE])
@example([3 * MEBIBYTE])
@settings(deadline=None, max_examples=30)
def test_a_data_set_in_any_fragments_is_one_file(sizes: list[int]) -> None:
    content = bytes(index % 251 for index in range(4096)) * (sum(sizes) // 4096 + 1)
    content = content[: sum(sizes)]
    with TemporaryDirectory() as folder:
        files = FileStore(Path(folder))
        data_set = IncomingDataSet(files, minimum_free_bytes=0, heading=HEADING)
        begin = 0
        for size in sizes:
            # The buffer of the connection is filled again behind each fragment.
            fragment = bytearray(content[begin : begin + size])
            data_set.write(memoryview(fragment))
            fragment[:] = bytes(size)
            begin += size
        received = data_set.finish()

        written = received.path.read_bytes()
        assert written[received.data_set_offset :] == content
        assert received.byte_count == len(written)
        assert received.file_sha256 == sha256(written).hexdigest()
        assert received.beginning == content[: len(received.beginning)]
        assert len(received.beginning) == min(len(content), 1 << 15)
        meta = read_file_meta_info(received.path)
        assert meta.MediaStorageSOPInstanceUID == "1.2.3"

        data_set.discard()
        assert list(files.incoming.iterdir()) == []


def test_what_never_ends_leaves_nothing() -> None:
    with TemporaryDirectory() as folder:
        files = FileStore(Path(folder))
        for size in (10, MEBIBYTE + 10):
            data_set = IncomingDataSet(files, minimum_free_bytes=0, heading=HEADING)
            data_set.write(bytes(size))
            data_set.discard()
            assert list(files.incoming.iterdir()) == []
