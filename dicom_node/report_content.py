"""What a report of ours says, read from its DICOM file, for destinations that speak no DICOM.

A pure function of the document that the PACS gets: whoever is told in another language is told the
same, and a repeat says it again in the same words. It knows no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_node.errors import ReportUnreadable

# Concept names as our reports write them (PS3.16 Annex D, SNOMED CT, UMLS).
PNEUMONIA = "233604007"
QUALITATIVE_EVALUATIONS = "C0034375"
MEASUREMENT_GROUP = "125007"
SOURCE_OF_MEASUREMENT = "121112"
PROBABILITY = "122157"
THRESHOLD_VALUE = "122411"
SUMMARY, COMMENT, CONCLUSION = "121111", "121106", "121077"
SUMMARY_OF_ANALYSES, REASON = "111065", "410666004"
ALGORITHM_NAME, ALGORITHM_VERSION = "111001", "111003"
PERSON_OBSERVER_LOGIN = "128774"
# CID 7010: what the conclusion of a review names where it withdraws the result.
REJECTED_FOR_QUALITY, REJECTED_FOR_PATIENT_SAFETY = "113001", "113037"
PRESENT = "52101004"  # CID 240
FAILED = "111224"  # CID 6042


@dataclass(frozen=True, kw_only=True)
class Code:
    """A coded concept (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number with its name and unit, as the report writes it."""

    name: Code
    value: str
    unit: Code


@dataclass(frozen=True, kw_only=True)
class MeasuredImage:
    """What the model measured in one image."""

    sop_instance_uid: str
    numbers: tuple[Measured, ...]
    """Probability, then decision threshold, in percent."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One object that the report refers to."""

    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Whom the report is about, as the received images said; empty where they did not."""

    patient_id: str
    issuer: str
    name: str
    """VR PN, with all its component groups."""
    birth_date: str
    sex: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which order the images answered, as they said; empty where they did not."""

    accession_number: str
    placer_number: str
    filler_number: str
    procedure: Code


@dataclass(frozen=True, kw_only=True)
class Device:
    """The model that made the numbers."""

    device_uid: str
    manufacturer: str
    name: str
    model_version: str
    software_version: str
    serial_number: str


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """The person who verified the report."""

    name: str
    """VR PN."""
    login: str
    organisation: str


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """One AI result or review."""

    sop_instance_uid: str
    study_uid: str
    follows_review: bool
    """Whether an earlier review of the same result is replaced."""
    patient: Patient
    order: Order
    study_at: str
    """Date and time of the study as DICOM writes them, as far as the images said."""
    made_at: datetime
    modality: str
    presence: Code | None
    """None where the study was not analysed."""
    reason: Code | None
    """Why it was not analysed."""
    has_failed: bool
    conclusion: Code | None
    """Whether the person agreed with the model, or why that is withdrawn; only in a review."""
    summary: str
    comments: tuple[str, ...]
    images: tuple[MeasuredImage, ...]
    evidence: tuple[Evidence, ...]
    device: Device
    verifier: Verifier | None
    """None in what the model says by itself."""

    @property
    def is_withdrawal(self) -> bool:
        """Whether it says that the result must not be used, and nothing instead."""
        return self.conclusion is not None and self.conclusion.value in (
            REJECTED_FOR_QUALITY,
            REJECTED_FOR_PATIENT_SAFETY,
        )

    @property
    def is_of_another_patient(self) -> bool:
        """Whether that is because it was told of the wrong patient or study."""
        return self.conclusion is not None and self.conclusion.value == REJECTED_FOR_PATIENT_SAFETY


def read_report(content: bytes) -> ReportContent:
    """Read a report of ours.

    Raises
    ------
    ReportUnreadable
        It is none.
    """
    try:
        return _report_content(dcmread(BytesIO(content)))
    except (InvalidDicomError, EOFError, AttributeError, LookupError, ValueError) as error:
        raise ReportUnreadable(type(error).__name__) from None


def require_patient(report: ReportContent) -> None:
    """Do nothing if the report can be filed under a patient by who gets it without its images.

    Raises
    ------
    ReportUnreadable
        The images named none.
    """
    if not report.patient.patient_id:
        raise ReportUnreadable("the images name no patient ID")


def _report_content(ds: Dataset) -> ReportContent:
    said = list(_evaluations(ds))
    status = _coded(said, SUMMARY_OF_ANALYSES)
    return ReportContent(
        sop_instance_uid=str(ds.SOPInstanceUID),
        study_uid=str(ds.StudyInstanceUID),
        follows_review=_follows_review(ds),
        patient=Patient(
            patient_id=_text(ds, "PatientID"),
            issuer=_text(ds, "IssuerOfPatientID"),
            name=_text(ds, "PatientName"),
            birth_date=_text(ds, "PatientBirthDate"),
            sex=_text(ds, "PatientSex"),
        ),
        order=_order(ds),
        study_at=_study_at(ds),
        made_at=_made_at(ds),
        modality=_modality(ds),
        presence=_coded(said, PNEUMONIA),
        reason=_coded(said, REASON),
        has_failed=status is not None and status.value == FAILED,
        conclusion=_coded(said, CONCLUSION),
        summary=" ".join(_texts(said, SUMMARY)),
        comments=tuple(_texts(said, COMMENT)),
        images=tuple(_images(ds)),
        evidence=tuple(_evidence(ds)),
        device=_device(ds),
        verifier=_verifier(ds),
    )


def _order(ds: Dataset) -> Order:
    request = (ds.get("ReferencedRequestSequence") or [Dataset()])[0]
    return Order(
        accession_number=_text(ds, "AccessionNumber"),
        placer_number=_text(request, "PlacerOrderNumberImagingServiceRequest"),
        filler_number=_text(request, "FillerOrderNumberImagingServiceRequest"),
        procedure=_code_of(ds.PerformedProcedureCodeSequence[0]),
    )


def _device(ds: Dataset) -> Device:
    software_version, model_version = ds.SoftwareVersions
    return Device(
        device_uid=str(ds.DeviceUID),
        manufacturer=str(ds.Manufacturer),
        name=str(ds.ManufacturerModelName),
        model_version=str(model_version),
        software_version=str(software_version),
        serial_number=str(ds.DeviceSerialNumber),
    )


def _verifier(ds: Dataset) -> Verifier | None:
    if ds.VerificationFlag != "VERIFIED":
        return None
    (observer,) = ds.VerifyingObserverSequence
    return Verifier(
        name=str(observer.VerifyingObserverName),
        login=" ".join(_texts(ds.ContentSequence, PERSON_OBSERVER_LOGIN)),
        organisation=str(observer.VerifyingOrganization),
    )


def _follows_review(ds: Dataset) -> bool:
    """All reviews of one result are in one series, and the result is in another."""
    followed = ds.get("PredecessorDocumentsSequence") or ()
    series = [one.SeriesInstanceUID for study in followed for one in study.ReferencedSeriesSequence]
    return ds.VerificationFlag == "VERIFIED" and ds.SeriesInstanceUID in series


def _study_at(ds: Dataset) -> str:
    """Return date and time; a time without its date says nothing."""
    date = _text(ds, "StudyDate")
    return date + _text(ds, "StudyTime").partition(".")[0] if date else ""


def _made_at(ds: Dataset) -> datetime:
    written = f"{ds.ContentDate}{ds.ContentTime}{ds.TimezoneOffsetFromUTC}"
    return datetime.strptime(written, "%Y%m%d%H%M%S%z").astimezone(UTC)


def _modality(ds: Dataset) -> str:
    """Return what made the images, as the image library says; "OT" where it does not."""
    for item in _below(ds):
        if _name(item) == "121139":  # Modality (TID 1602)
            return _code_of(item.ConceptCodeSequence[0]).value
    return "OT"


def _images(ds: Dataset) -> Iterator[MeasuredImage]:
    for group in _below(ds):
        if _name(group) != MEASUREMENT_GROUP:
            continue
        items = list(group.ContentSequence)
        (source,) = [one for one in items if _name(one) == SOURCE_OF_MEASUREMENT]
        yield MeasuredImage(
            sop_instance_uid=str(source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID),
            numbers=tuple(
                _measured(one) for one in items if _name(one) in (PROBABILITY, THRESHOLD_VALUE)
            ),
        )


def _measured(item: Dataset) -> Measured:
    (measured,) = item.MeasuredValueSequence
    return Measured(
        name=_code_of(item.ConceptNameCodeSequence[0]),
        value=str(measured.NumericValue),
        unit=_code_of(measured.MeasurementUnitsCodeSequence[0]),
    )


def _evidence(ds: Dataset) -> Iterator[Evidence]:
    for study in ds.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                yield Evidence(
                    series_uid=str(series.SeriesInstanceUID),
                    sop_class_uid=str(item.ReferencedSOPClassUID),
                    sop_instance_uid=str(item.ReferencedSOPInstanceUID),
                )


def _evaluations(ds: Dataset) -> Iterator[Dataset]:
    for item in ds.ContentSequence:
        if _name(item) == QUALITATIVE_EVALUATIONS:
            yield from item.ContentSequence


def _below(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence") or ():
        yield child
        yield from _below(child)


def _coded(items: list[Dataset], name: str) -> Code | None:
    found = (_code_of(one.ConceptCodeSequence[0]) for one in items if _name(one) == name)
    return next(found, None)


def _texts(items: list[Dataset], name: str) -> list[str]:
    return [str(one.TextValue) for one in items if _name(one) == name]


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def _code_of(item: Dataset) -> Code:
    return Code(
        value=str(item.CodeValue),
        scheme=str(item.CodingSchemeDesignator),
        meaning=str(item.CodeMeaning),
    )


def _text(ds: Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value)
