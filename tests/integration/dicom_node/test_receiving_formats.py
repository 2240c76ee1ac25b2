"""Every encoding is stored as it was sent."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES

from tests.builders.dicom_files import radiograph, written
from tests.integration.dicom_node.conftest import Node, data_set_bytes
from tests.integration.dicom_node.peers import dcmtk, storescu


@pytest.mark.peer("dcmtk")
@pytest.mark.data
def test_dcmtk_sends_a_real_radiograph(node: Node, test_data: Path) -> None:
    path = test_data / "dicom_samples" / "RG1_J2KI.dcm"
    assert storescu(node, "-xw", path).returncode == 0
    (study,), _ = node.archive.repository.studies(limit=5)
    detail = node.archive.repository.study(study.study_uid)
    (instance,) = detail.instances
    assert instance.transfer_syntax_uid == "1.2.840.10008.1.2.4.91"
    # dcmtk writes sequence lengths anew while it sends; every value is the same.
    assert dcmread(node.archive.files.path_of(instance.file_key)) == dcmread(path)


# What dcmtk itself encodes: its program, its option, the syntax, and the option to send it with.
DCMTK_ENCODERS = [
    ("dcmconv", "+te", "1.2.840.10008.1.2.1", "-xe"),
    ("dcmconv", "+ti", "1.2.840.10008.1.2", "-xi"),
    ("dcmconv", "+tb", "1.2.840.10008.1.2.2", "-xb"),
    ("dcmconv", "+td", "1.2.840.10008.1.2.1.99", "-xd"),
    ("dcmcrle", "", "1.2.840.10008.1.2.5", "-xr"),
    ("dcmcjpeg", "+e1", "1.2.840.10008.1.2.4.70", "-xs"),
    ("dcmcjpeg", "+ee", "1.2.840.10008.1.2.4.51", "-xx"),
    ("dcmcjpls", "+el", "1.2.840.10008.1.2.4.80", "-xt"),
    ("dcmcjpls", "+en", "1.2.840.10008.1.2.4.81", "-xu"),
]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(("program", "how", "syntax", "propose"), DCMTK_ENCODERS)
def test_dcmtks_encodings_are_stored_as_they_were_sent(
    node: Node, tmp_path: Path, program: str, how: str, syntax: str, propose: str
) -> None:
    ds = radiograph()
    plain, encoded = written(ds, tmp_path, "plain.dcm"), tmp_path / "encoded.dcm"
    done = dcmtk(program, *([how] if how else []), plain, encoded)
    assert done.returncode == 0, done.stderr
    answer = storescu(node, propose, encoded)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (instance,) = node.study().instances
    assert instance.transfer_syntax_uid == syntax
    stored = node.archive.files.path_of(instance.file_key)
    # dcmtk writes the data set anew while it sends, so it also judges that both say the same.
    assert dcmtk("dcmftest", stored).returncode == 0
    assert _dumped(stored) == _dumped(encoded)


def _dumped(path: Path) -> str:
    return dcmtk("dcmdump", "+L", "-q", "+fo", path).stdout.partition("# Dicom-Data-Set")[2]


def test_every_transfer_syntax_is_kept_byte_for_byte(node: Node, tmp_path: Path) -> None:
    # The bytes of an encoding do not matter to who keeps them: only its name changes here.
    sent = {
        syntax: _renamed(written(radiograph(transfer_syntax_uid=_plain(syntax)), tmp_path), syntax)
        for syntax in ALL_TRANSFER_SYNTAXES
    }
    answers = node.send(*sent.values())
    assert {answer.words for answer in answers} == {"0x0000 success"}
    kept = {
        instance.transfer_syntax_uid: node.data_set_of(instance.key.sop_instance_uid)
        for instance in node.study().instances
    }
    assert kept == {syntax: data_set_bytes(path.read_bytes()) for syntax, path in sent.items()}


def _plain(syntax: str) -> str:
    """The encoding that a syntax gives to everything but its pixels."""
    uid = UID(syntax)
    if "Deflate" in uid.name and "Frame" not in uid.name:
        return "1.2.840.10008.1.2.1.99"
    return syntax if not uid.is_compressed else ExplicitVRLittleEndian


def _renamed(path: Path, syntax: str) -> Path:
    """The same file under another transfer syntax."""
    content = path.read_bytes()
    meta = read_file_meta_info(path)
    meta.TransferSyntaxUID = UID(syntax)
    buffer = DicomBytesIO()
    buffer.write(content[:132])
    write_file_meta_info(buffer, meta)
    path.write_bytes(buffer.getvalue() + data_set_bytes(content))
    return path


@pytest.mark.parametrize(
    "sop_class",
    [
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
    ],
)
def test_every_accepted_class_is_stored(node: Node, tmp_path: Path, sop_class: str) -> None:
    (answer,) = node.send(written(radiograph(sop_class_uid=sop_class), tmp_path))
    assert answer.status == 0
    assert node.study().instances[0].sop_class_uid == sop_class


def test_a_senders_own_order_of_syntaxes_is_respected(node: Node) -> None:
    ae = AE(ae_title="TESTSCU")
    jpeg_lossless = "1.2.840.10008.1.2.4.70"
    offered = [jpeg_lossless, ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    ae.add_requested_context(ComputedRadiographyImageStorage, offered)
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    (context,) = association.accepted_contexts
    assert context.transfer_syntax == [jpeg_lossless]
    association.release()
