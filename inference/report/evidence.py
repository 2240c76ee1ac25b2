"""What our objects take over from a received one: patient, study and order, cleaned for writing.

The received object is read and never changed. What is malformed beyond repair is left empty, with
one exception: the patient's name and ID are taken over as they are, because another spelling would
file the result under another patient.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydicom.dataset import Dataset

from archive.records import (
    InstanceKey,
    SeriesUid,
    SopInstanceUid,
    StudyAttributes,
    StudyUid,
)
from inference import header

# Of everything that we write, whatever the received object was written in.
CHARACTER_SET = "ISO_IR 192"
# PS3.5 section 6.2.
LONGEST_SH = 16
LONGEST_LO = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DATE = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_CODE_VALUE = re.compile(r"[^\\\x00-\x1f]{1,16}")


@dataclass(frozen=True, kw_only=True)
class ObjectReference:
    """Where an object lies and what class it is of."""

    key: InstanceKey
    sop_class_uid: str


def reference_to(ds: Dataset) -> ObjectReference:
    """Refer to a received object."""
    return ObjectReference(
        key=InstanceKey(
            study_uid=ds.StudyInstanceUID,
            series_uid=SeriesUid(str(ds.SeriesInstanceUID)),
            sop_instance_uid=SopInstanceUid(str(ds.SOPInstanceUID)),
        ),
        sop_class_uid=str(ds.SOPClassUID),
    )


def predecessor_in(document: Dataset) -> ObjectReference | None:
    """Read which document one of ours follows (PS3.3 C.17.2)."""
    for study in document.get("PredecessorDocumentsSequence") or ():
        (series,) = study.ReferencedSeriesSequence
        (item,) = series.ReferencedSOPSequence
        key = InstanceKey(
            study_uid=StudyUid(str(study.StudyInstanceUID)),
            series_uid=SeriesUid(str(series.SeriesInstanceUID)),
            sop_instance_uid=SopInstanceUid(str(item.ReferencedSOPInstanceUID)),
        )
        return ObjectReference(key=key, sop_class_uid=str(item.ReferencedSOPClassUID))
    return None


def bare_header(reference: ObjectReference, attributes: StudyAttributes) -> Dataset:
    """Make the header of an object whose file cannot be read, from what was recorded on arrival."""
    ds = Dataset()
    ds.SOPClassUID = reference.sop_class_uid
    ds.SOPInstanceUID = reference.key.sop_instance_uid
    ds.SeriesInstanceUID = reference.key.series_uid
    ds.StudyInstanceUID = reference.key.study_uid
    ds.PatientName = attributes.patient_name
    ds.PatientID = attributes.patient_id
    ds.PatientBirthDate = attributes.patient_birth_date
    ds.PatientSex = attributes.patient_sex
    ds.AccessionNumber = attributes.accession_number
    ds.StudyDate = attributes.study_date
    ds.StudyTime = attributes.study_time
    ds.StudyDescription = attributes.study_description
    return ds


def patient_and_study(ds: Dataset) -> Dataset:
    """Take over the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1), cleaned.

    Every type 2 attribute is there, empty where the received object has no usable value.
    """
    cleaned = Dataset()
    for keyword, clean in _PATIENT_AND_STUDY.items():
        setattr(cleaned, keyword, clean(ds, keyword))
    for keyword, clean in _OPTIONAL.items():
        if value := clean(ds, keyword):
            setattr(cleaned, keyword, value)
    cleaned.StudyInstanceUID = str(ds.StudyInstanceUID)
    return cleaned


def request(ds: Dataset) -> Dataset:
    """Name the order that our object answers (PS3.3 Table C.17-2, Referenced Request Sequence)."""
    attributes = next(iter(header.items(ds, "RequestAttributesSequence")), Dataset())
    order = Dataset()
    order.StudyInstanceUID = str(ds.StudyInstanceUID)
    order.ReferencedStudySequence = []
    order.AccessionNumber = _whole_short_string(ds, "AccessionNumber")
    order.PlacerOrderNumberImagingServiceRequest = _long_string(
        ds, "PlacerOrderNumberImagingServiceRequest"
    )
    order.FillerOrderNumberImagingServiceRequest = _long_string(
        ds, "FillerOrderNumberImagingServiceRequest"
    )
    order.RequestedProcedureID = _whole_short_string(attributes, "RequestedProcedureID")
    order.RequestedProcedureDescription = _long_string(attributes, "RequestedProcedureDescription")
    order.RequestedProcedureCodeSequence = _codes(attributes, "RequestedProcedureCodeSequence")
    return order


def hierarchy(references: Iterable[ObjectReference]) -> list[Dataset]:
    """Order references by study and series (PS3.3 Table C.17-3, SOP Instance Reference)."""

    def study_of(reference: ObjectReference) -> str:
        return reference.key.study_uid

    ordered = sorted(set(references), key=lambda one: (one.key.study_uid, one.key.series_uid))
    studies = []
    for study_uid, of_study in groupby(ordered, key=study_of):
        study = Dataset()
        study.ReferencedSeriesSequence = _series(list(of_study))
        study.StudyInstanceUID = study_uid
        studies.append(study)
    return studies


def _series(references: Sequence[ObjectReference]) -> list[Dataset]:
    series = []
    for series_uid, of_series in groupby(references, key=lambda one: one.key.series_uid):
        one = Dataset()
        one.ReferencedSOPSequence = [sop_reference(reference) for reference in of_series]
        one.SeriesInstanceUID = series_uid
        series.append(one)
    return series


def sop_reference(reference: ObjectReference) -> Dataset:
    """Name class and instance of an object (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.key.sop_instance_uid
    return item


def _as_it_is(ds: Dataset, keyword: str) -> str:
    return "\\".join(header.texts(ds, keyword))


def _long_string(ds: Dataset, keyword: str) -> str:
    return _CONTROL.sub(" ", header.text(ds, keyword))[:LONGEST_LO].strip()


def _short_string(ds: Dataset, keyword: str) -> str:
    return _CONTROL.sub(" ", header.text(ds, keyword))[:LONGEST_SH].strip()


def _whole_short_string(ds: Dataset, keyword: str) -> str:
    """Empty if too long: the first 16 characters of a number can be another order's number."""
    value = _CONTROL.sub(" ", header.text(ds, keyword)).strip()
    return value if len(value) <= LONGEST_SH else ""


def _date(ds: Dataset, keyword: str) -> str:
    value = header.text(ds, keyword).replace(".", "")  # ACR-NEMA wrote 2025.11.21
    return value if _DATE.fullmatch(value) else ""


def _time(ds: Dataset, keyword: str) -> str:
    value = header.text(ds, keyword).replace(":", "")  # ACR-NEMA wrote 10:00:00
    return value if _TIME.fullmatch(value) else ""


def _sex(ds: Dataset, keyword: str) -> str:
    value = header.text(ds, keyword).upper()
    return value if value in {"M", "F", "O"} else ""


def _codes(ds: Dataset, keyword: str) -> list[Dataset]:
    codes = (_code(item) for item in header.items(ds, keyword))
    return [code for code in codes if code is not None]


def _code(item: Dataset) -> Dataset | None:
    value = header.text(item, "CodeValue")
    scheme = header.text(item, "CodingSchemeDesignator")
    meaning = _long_string(item, "CodeMeaning")
    if not (_CODE_VALUE.fullmatch(value) and _CODE_VALUE.fullmatch(scheme) and meaning):
        return None
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodeMeaning = meaning
    return code


_Clean = Callable[[Dataset, str], str]
_PATIENT_AND_STUDY: dict[str, _Clean] = {
    "StudyDate": _date,
    "StudyTime": _time,
    "AccessionNumber": _whole_short_string,
    "ReferringPhysicianName": _as_it_is,
    "PatientName": _as_it_is,
    "PatientID": _as_it_is,
    "PatientBirthDate": _date,
    "PatientSex": _sex,
    "StudyID": _short_string,
}
_OPTIONAL: dict[str, _Clean] = {
    "StudyDescription": _long_string,
    "IssuerOfPatientID": _long_string,
}
