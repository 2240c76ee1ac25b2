"""The 32 flaws of real headers that each once broke a report writer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.builders.radiographs import coded, radiograph

_PN, _LO, _SH = "PN", "LO", "SH"


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """One flaw."""

    name: str
    make: Callable[[], Dataset]
    is_eligible: bool = True


def _with(**changes: Any) -> Callable[[], Dataset]:
    return lambda: radiograph("CR", **changes)


def _raw(keyword: str, vr: str, value: bytes, charset: str | None = None) -> Callable[[], Dataset]:
    """Bytes as they came, which pydicom itself would refuse to write."""

    def make() -> Dataset:
        ds = radiograph("CR")
        if charset is not None:
            ds.SpecificCharacterSet = charset.split("\\")
        tag = Tag(keyword)
        padded = value + b" " * (len(value) % 2)
        ds[tag] = RawDataElement(tag, vr, len(padded), padded, 0, False, True)
        return ds

    return make


def _bad_number() -> Dataset:
    ds = radiograph("CR")
    ds.add(DataElement(Tag("ImagerPixelSpacing"), "LO", ["wide", "tall"]))
    return ds


def _lut_of_12_bits() -> Dataset:
    ds = radiograph("CR")
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.ModalityLUTType = "US"
    table.add(DataElement(Tag("LUTData"), "US", list(range(4096))))
    ds.ModalityLUTSequence = [table]
    return ds


def _voi_lut_of_12_bits() -> Dataset:
    ds = radiograph("CR")
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.add(DataElement(Tag("LUTData"), "US", list(range(4096))))
    ds.VOILUTSequence = [table]
    return ds


def _bad_request() -> Dataset:
    ds = radiograph("CR")
    order = Dataset()
    order.RequestedProcedureID = "P" * 40
    order.RequestedProcedureDescription = "Chest\n" * 30
    order.RequestedProcedureCodeSequence = [coded("", "", ""), coded("36554-4", "LN", "Chest")]
    ds.RequestAttributesSequence = [order]
    return ds


JAPANESE = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
KOREAN = (
    b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
)

DIRT: tuple[Dirt, ...] = (
    Dirt(name="no PatientID", make=_with(PatientID=None)),
    Dirt(name="no PatientName", make=_with(PatientName=None)),
    Dirt(name="no PatientBirthDate", make=_with(PatientBirthDate=None)),
    Dirt(name="no PatientSex", make=_with(PatientSex=None)),
    Dirt(name="no AccessionNumber", make=_with(AccessionNumber=None)),
    Dirt(name="no StudyID", make=_with(StudyID=None)),
    Dirt(name="no StudyDate", make=_with(StudyDate=None)),
    Dirt(name="no StudyTime", make=_with(StudyTime=None)),
    Dirt(name="no ReferringPhysicianName", make=_with(ReferringPhysicianName=None)),
    Dirt(name="no Modality", make=_with(Modality=None), is_eligible=False),
    Dirt(name="no PatientOrientation", make=_with(PatientOrientation=None)),
    Dirt(name="empty PatientOrientation", make=_with(PatientOrientation=[])),
    Dirt(name="no ImagerPixelSpacing", make=_with(ImagerPixelSpacing=None)),
    Dirt(name="ImagerPixelSpacing in words", make=_bad_number),
    Dirt(name="no BodyPartExamined", make=_with(BodyPartExamined=None), is_eligible=False),
    Dirt(name="no SpecificCharacterSet", make=_with(SpecificCharacterSet=None)),
    Dirt(name="PatientSex U", make=_raw("PatientSex", "CS", b"U")),
    Dirt(name="PatientSex Male", make=_raw("PatientSex", "CS", b"Male")),
    Dirt(name="PatientBirthDate 1960", make=_raw("PatientBirthDate", "DA", b"1960")),
    Dirt(name="PatientBirthDate empty", make=_with(PatientBirthDate="")),
    Dirt(name="StudyTime 10:00", make=_raw("StudyTime", "TM", b"10:00")),
    Dirt(name="StudyDate 2025.11.21", make=_raw("StudyDate", "DA", b"2025.11.21")),
    Dirt(name="AccessionNumber of 20", make=_raw("AccessionNumber", _SH, b"A" * 20)),
    Dirt(name="StudyID of 30", make=_raw("StudyID", _SH, b"S" * 30)),
    Dirt(name="StudyDescription of 100", make=_raw("StudyDescription", _LO, b"D" * 100)),
    Dirt(name="Japanese", make=_raw("PatientName", _PN, JAPANESE, "\\ISO 2022 IR 87")),
    Dirt(name="Korean", make=_raw("PatientName", _PN, KOREAN, "\\ISO 2022 IR 149")),
    Dirt(
        name="Latin-1", make=_raw("PatientName", _PN, "Núñez^Zoë".encode("latin-1"), "ISO_IR 100")
    ),
    Dirt(name="UTF-8", make=_raw("PatientName", _PN, "王^小東".encode(), "ISO_IR 192")),
    Dirt(name="Modality LUT of 12 bits", make=_lut_of_12_bits),
    Dirt(name="VOI LUT of 12 bits", make=_voi_lut_of_12_bits),
    Dirt(name="order in disorder", make=_bad_request),
)
