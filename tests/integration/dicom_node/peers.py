"""dcmtk's programs, and objects that are sent only in part."""

import subprocess
from io import BytesIO
from itertools import islice
from pathlib import Path

from pydicom.dataset import FileDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

from archive.database import Archive
from tests.builders.dicom_files import file_bytes
from tests.integration.dicom_node.conftest import Node, data_set_bytes


def dcmtk(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, check=False
    )


def storescu(node: Node, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return dcmtk("storescu", "-v", "-aec", "HILUM", "127.0.0.1", str(node.port), *arguments)


def incoming_is_empty(archive: Archive) -> bool:
    return list(archive.files.incoming.iterdir()) == []


def associated(node: Node) -> Association:
    """An association with the node for CR in explicit VR little endian."""
    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", node.port, ae_title="HILUM")
    assert association.is_established
    return association


def send_half(association: Association, ds: FileDataset) -> None:
    """Send the command and the first two mebibytes of a data set, and no more."""
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = ds.SOPClassUID
    request.AffectedSOPInstanceUID = ds.SOPInstanceUID
    request.DataSet = BytesIO(data_set_bytes(file_bytes(ds)))
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    context = association.accepted_contexts[0].context_id
    assert context is not None
    for fragment in islice(message.encode_msg(context, 16384), 128):
        association.dul.send_pdu(fragment)
