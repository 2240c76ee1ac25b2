"""Synthetic radiographs with every kind of grey scale; asymmetric, with a marker in one corner."""

import io
from collections.abc import Callable

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 96, 72
COMPUTED_RADIOGRAPHY = UID("1.2.840.10008.5.1.4.1.1.1")


def ramp(bits: int = 12, *, is_signed: bool = False) -> np.ndarray:
    """Stored values that pass through the whole range, (96, 72); the top left corner is highest."""
    low = -(1 << (bits - 1)) if is_signed else 0
    values = np.linspace(low, low + (1 << bits) - 1, ROWS * COLUMNS).round().astype(np.int32)
    image = values.reshape(ROWS, COLUMNS)
    image[:8, :8] = low + (1 << bits) - 1
    return image


def a_radiograph(
    pixels: np.ndarray | None = None,
    *,
    bits: int = 12,
    is_signed: bool = False,
    study_uid: str = "",
    sop_instance_uid: str = "",
    **elements: object,
) -> FileDataset:
    """A CR object around stored values; further elements by keyword."""
    stored = ramp(bits, is_signed=is_signed) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = COMPUTED_RADIOGRAPHY
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = COMPUTED_RADIOGRAPHY
    ds.SOPInstanceUID = UID(sop_instance_uid) if sop_instance_uid else generate_uid()
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID = UID(study_uid) if study_uid else generate_uid()
    ds.SeriesInstanceUID = UID(f"{study_uid}.1") if study_uid else generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "CR", "Doe^Jane", "P1"
    ds.PhotometricInterpretation, ds.SamplesPerPixel = "MONOCHROME2", 1
    ds.Rows, ds.Columns = stored.shape
    allocated = 8 if bits <= 8 else 16
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, bits, bits - 1
    ds.PixelRepresentation = int(is_signed)
    kind = {(8, False): "u1", (8, True): "i1", (16, False): "<u2", (16, True): "<i2"}
    ds.PixelData = stored.astype(kind[allocated, is_signed]).tobytes()
    ds["PixelData"].VR = "OB" if allocated == 8 else "OW"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def encoded(ds: FileDataset) -> bytes:
    """The object as a DICOM file."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def a_table(bits: int, *, first: int = 0, count: int = 4096, is_in_words: bool = True) -> Sequence:
    """A LUT Sequence of one item: a square curve, so that no straight line passes for it.

    Entries of 8 bits stand in bytes, or, as some systems write them, in words (PS3.3 C.11.1.1.1).
    """
    item = Dataset()
    entries = ((np.arange(count) / (count - 1)) ** 2 * ((1 << bits) - 1)).round().astype(np.uint16)
    item.LUTDescriptor = [count, first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.LUTData = (entries if is_in_words else entries.astype(np.uint8)).tobytes()
    item["LUTData"].VR = "OW"
    item.LUTExplanation = "NORMAL"
    return Sequence([item])


# Every kind of grey scale that a chest radiograph may come with.
GREY_SCALES: dict[str, Callable[[], FileDataset]] = {
    "linear window": lambda: a_radiograph(WindowCenter=1800, WindowWidth=2600),
    "linear exact window": lambda: a_radiograph(
        WindowCenter=1800, WindowWidth=2600, VOILUTFunction="LINEAR_EXACT"
    ),
    "sigmoid window": lambda: a_radiograph(
        WindowCenter=1800, WindowWidth=1500, VOILUTFunction="SIGMOID"
    ),
    "table of 12 bits": lambda: a_radiograph(VOILUTSequence=a_table(12)),
    "table of 8 bits": lambda: a_radiograph(VOILUTSequence=a_table(8, is_in_words=False)),
    "table of 8 bits in words": lambda: a_radiograph(VOILUTSequence=a_table(8)),
    "modality table": lambda: a_radiograph(
        ModalityLUTSequence=a_table(16), WindowCenter=20000, WindowWidth=40000
    ),
    "table and window": lambda: a_radiograph(
        VOILUTSequence=a_table(12), WindowCenter=1000, WindowWidth=500
    ),
    "several windows": lambda: a_radiograph(
        WindowCenter=[1800, 900],
        WindowWidth=[2600, 700],
        WindowCenterWidthExplanation=["NORMAL", "HARDER"],
    ),
    "rescale": lambda: a_radiograph(
        RescaleSlope="1.5", RescaleIntercept="-1024", WindowCenter=1800, WindowWidth=3000
    ),
    "inverted": lambda: a_radiograph(
        PhotometricInterpretation="MONOCHROME1", WindowCenter=1800, WindowWidth=2600
    ),
    "inverse presentation": lambda: a_radiograph(
        PhotometricInterpretation="MONOCHROME1",
        PresentationLUTShape="INVERSE",
        WindowCenter=1800,
        WindowWidth=2600,
    ),
    "padding": lambda: a_radiograph(PixelPaddingValue=4095, WindowCenter=1800, WindowWidth=2600),
    "signed": lambda: a_radiograph(is_signed=True, WindowCenter=100, WindowWidth=2600),
    "signed table": lambda: a_radiograph(is_signed=True, VOILUTSequence=a_table(12, first=-2048)),
    "eight bits": lambda: a_radiograph(bits=8, WindowCenter=120, WindowWidth=180),
    "sixteen bits": lambda: a_radiograph(bits=16, WindowCenter=30000, WindowWidth=50000),
    "no window": a_radiograph,
}
