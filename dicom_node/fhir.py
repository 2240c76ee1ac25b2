"""A report as a FHIR R5 Bundle, built and checked by fhir.resources; only this file knows it.

A report that replaces another updates the same resources: what the model says of a study is one
DiagnosticReport, what a person says of it another, and neither overwrites the other. A person who
withdraws the result has what was told of it marked as entered in error, and says nothing instead.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fhir.resources.bundle import Bundle
from fhir.resources.device import Device
from fhir.resources.diagnosticreport import DiagnosticReport
from fhir.resources.imagingstudy import ImagingStudy
from fhir.resources.observation import Observation
from pydantic import BaseModel, ValidationError

from config.destinations import FhirDestination
from dicom_node.errors import ReportUnreadable
from dicom_node.report_content import (
    PRESENT,
    Code,
    Measured,
    MeasuredImage,
    ReportContent,
    require_patient,
)

_DICOM_UIDS = "urn:dicom:uid"
# https://hl7.org/fhir/R5/terminologies-systems.html
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
}
_PNEUMONIA = Code(value="233604007", scheme="SCT", meaning="Pneumonia")
_LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")
_ENTERED_IN_ERROR = "entered-in-error"
_ABSENT_REASONS = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_OBSERVATION_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_DIAGNOSTIC_SERVICES = "http://terminology.hl7.org/CodeSystem/v2-0074"

Resource = dict[str, Any]  # FHIR JSON; the library's own classes judge it


def bundle_of(report: ReportContent, destination: FhirDestination) -> bytes:
    """Write a report as a Bundle; the same report gives the same bytes.

    Raises
    ------
    ReportUnreadable
        It holds something that FHIR has no place for.
    """
    require_patient(report)
    try:
        entries = list(_entries(report, destination))
        bundle = Bundle.model_validate(
            {
                "resourceType": "Bundle",
                "type": destination.bundle,
                "timestamp": report.made_at.isoformat(),
                "entry": entries,
            }
        )
        return bundle.model_dump_json().encode("utf-8")
    except ValidationError as error:
        # The text of the error repeats values.
        raise ReportUnreadable(f"no valid Bundle: {error.error_count()} errors") from None


def _entries(report: ReportContent, destination: FhirDestination) -> Iterator[Resource]:
    subject = _subject(report, destination)
    study = _imaging_study(report, subject)
    found: list[tuple[type[BaseModel], Resource]] = [
        (Device, _device(report)),
        *(_withdrawn(report, subject) if report.is_withdrawal else _told(report, subject)),
        (DiagnosticReport, _diagnostic_report(report, subject)),
    ]
    is_transaction = destination.bundle == "transaction"
    yield _entry(ImagingStudy, study, _create_once(report) if is_transaction else None)
    for model, resource in found:
        there = f"{resource['resourceType']}/{resource['id']}"
        yield _entry(model, resource, {"method": "PUT", "url": there} if is_transaction else None)


def _told(report: ReportContent, subject: Resource) -> Iterator[tuple[type[BaseModel], Resource]]:
    for image in report.images:
        yield Observation, _measurement(report, image, subject)
    yield Observation, _finding(report, subject)


def _withdrawn(
    report: ReportContent, subject: Resource
) -> Iterator[tuple[type[BaseModel], Resource]]:
    """Mark all that was told of the result, also by an earlier review, as entered in error."""
    model = replace(report, verifier=None, comments=(), conclusion=None, presence=None)
    tellers = [model, report] if report.follows_review else [model]
    for teller in tellers:
        for image in report.images:
            measured = _measurement(teller, image, subject)
            yield Observation, {**measured, "status": _ENTERED_IN_ERROR}
        finding = _observation(teller, subject, _finding_id(teller))
        yield (
            Observation,
            {**finding, "status": _ENTERED_IN_ERROR, "code": _concept(_PNEUMONIA)},
        )
    by_model = _diagnostic_report(model, subject)
    del by_model["conclusion"]
    yield DiagnosticReport, {**by_model, "status": _ENTERED_IN_ERROR}


def _entry(model: type[BaseModel], resource: Resource, request: Resource | None) -> Resource:
    """Check one resource by itself, so that an error is counted where it is."""
    checked = model.model_validate(resource)
    entry: Resource = {"fullUrl": _full_url(resource["id"]), "resource": checked}
    return entry if request is None else {**entry, "request": request}


def _create_once(report: ReportContent) -> Resource:
    """Ask for the study to be made where nobody did; the archive's own is never overwritten."""
    return {
        "method": "POST",
        "url": "ImagingStudy",
        "ifNoneExist": f"identifier={_DICOM_UIDS}|urn:oid:{report.study_uid}",
    }


def _subject(report: ReportContent, destination: FhirDestination) -> Resource:
    identifier: Resource = {"value": report.patient.patient_id}
    if destination.patient_identifier_system:
        identifier["system"] = destination.patient_identifier_system
    if report.patient.issuer:
        identifier["assigner"] = {"display": report.patient.issuer}
    return {"type": "Patient", "identifier": identifier}


def _imaging_study(report: ReportContent, subject: Resource) -> Resource:
    study: Resource = {
        "resourceType": "ImagingStudy",
        "id": _made_up_id("ImagingStudy", report),
        "identifier": [{"system": _DICOM_UIDS, "value": f"urn:oid:{report.study_uid}"}],
        "status": "available",
        "subject": subject,
        "series": _series(report),
    }
    if report.order.accession_number:
        study["identifier"].append(_accession(report))
    if started := _study_date(report):
        study["started"] = started
    return study


def _series(report: ReportContent) -> list[Resource]:
    modality = {"coding": [{"system": _SYSTEMS["DCM"], "code": report.modality}]}
    series: dict[str, Resource] = {}
    for one in report.evidence:
        images = {image.sop_instance_uid for image in report.images}
        if images and one.sop_instance_uid not in images:
            continue  # our own heat map
        of_series = series.setdefault(
            one.series_uid, {"uid": one.series_uid, "modality": modality, "instance": []}
        )
        of_series["instance"].append(
            {
                "uid": one.sop_instance_uid,
                "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{one.sop_class_uid}"},
            }
        )
    return list(series.values())


def _device(report: ReportContent) -> Resource:
    device = report.device
    return {
        "resourceType": "Device",
        "id": _id("device", device.device_uid),
        "identifier": [{"system": _DICOM_UIDS, "value": f"urn:oid:{device.device_uid}"}],
        "manufacturer": device.manufacturer,
        "serialNumber": device.serial_number,
        "name": [{"value": device.name, "type": "user-friendly-name", "display": True}],
        "version": [
            {"type": {"text": "model"}, "value": device.model_version},
            {"type": {"text": "software"}, "value": device.software_version},
        ],
    }


def _measurement(report: ReportContent, image: MeasuredImage, subject: Resource) -> Resource:
    """Write what the model measured in one image; no review makes that final."""
    probability, threshold = image.numbers
    return {
        **_observation(report, subject, _id(_author(report), "image", image.sop_instance_uid)),
        "status": "preliminary",
        "code": _concept(probability.name),
        "valueQuantity": _quantity(probability),
        "component": [{"code": _concept(threshold.name), "valueQuantity": _quantity(threshold)}],
        "note": [{"text": f"{_DICOM_UIDS} urn:oid:{image.sop_instance_uid}"}],
    }


def _finding(report: ReportContent, subject: Resource) -> Resource:
    finding: Resource = {
        **_observation(report, subject, _finding_id(report)),
        "status": _status(report),
        "code": _concept(_PNEUMONIA),
        "note": [{"text": comment} for comment in report.comments],
    }
    if report.images:
        finding["hasMember"] = [
            _reference("Observation", _id(_author(report), "image", one.sop_instance_uid))
            for one in report.images
        ]
    if report.presence is not None:
        finding["valueCodeableConcept"] = _concept(report.presence)
    else:
        code = "error" if report.has_failed else "not-performed"
        finding["dataAbsentReason"] = {"coding": [{"system": _ABSENT_REASONS, "code": code}]}
        if report.reason is not None:
            finding["dataAbsentReason"]["text"] = report.reason.meaning
    if report.conclusion is not None:
        finding["interpretation"] = [_concept(report.conclusion)]
    if report.verifier is not None:
        finding["performer"] = [_performer(report)]
    return finding


def _observation(report: ReportContent, subject: Resource, observation_id: str) -> Resource:
    observation: Resource = {
        "resourceType": "Observation",
        "id": observation_id,
        "category": [{"coding": [{"system": _OBSERVATION_CATEGORIES, "code": "imaging"}]}],
        "subject": subject,
        "issued": report.made_at.isoformat(),
        "bodySite": _concept(_LUNG),
        "device": _reference("Device", _id("device", report.device.device_uid)),
        "derivedFrom": [_reference("ImagingStudy", _made_up_id("ImagingStudy", report))],
    }
    if effective := _study_date(report):
        observation["effectiveDateTime"] = effective
    return observation


def _diagnostic_report(report: ReportContent, subject: Resource) -> Resource:
    result: Resource = {
        "resourceType": "DiagnosticReport",
        "id": _id(_author(report), "report", report.study_uid),
        "identifier": [{"system": _DICOM_UIDS, "value": f"urn:oid:{report.sop_instance_uid}"}],
        "status": _status(report),
        "category": [{"coding": [{"system": _DIAGNOSTIC_SERVICES, "code": "RAD"}]}],
        "code": _concept(report.order.procedure),
        "subject": subject,
        "issued": report.made_at.isoformat(),
        "study": [_reference("ImagingStudy", _made_up_id("ImagingStudy", report))],
        "conclusion": report.summary,
    }
    if not report.is_withdrawal:
        result["result"] = [_reference("Observation", _finding_id(report))]
    if report.order.accession_number:
        result["basedOn"] = [{"type": "ServiceRequest", "identifier": _accession(report)}]
    if effective := _study_date(report):
        result["effectiveDateTime"] = effective
    if report.presence is not None and report.presence.value == PRESENT:
        # Readers show codes without their context: a negative one has none that could frighten.
        result["conclusionCode"] = [_concept(_PNEUMONIA)]
    if report.verifier is not None:
        result["resultsInterpreter"] = [_performer(report)]
    return result


def _status(report: ReportContent) -> str:
    """Status of what was observed; a machine's word is preliminary, a person's is final."""
    if report.verifier is not None:
        return "amended" if report.follows_review else "final"
    return "preliminary" if report.presence is not None else "cancelled"


def _performer(report: ReportContent) -> Resource:
    verifier = report.verifier
    if verifier is None:
        raise ReportUnreadable("nobody verified it")
    family, *others = verifier.name.partition("=")[0].split("^")
    shown = " ".join(part for part in (*others[:1], family) if part)
    return {
        "type": "Practitioner",
        "identifier": {"value": verifier.login, "assigner": {"display": verifier.organisation}},
        "display": shown,
    }


def _accession(report: ReportContent) -> Resource:
    return {
        "type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": "ACSN"}]},
        "value": report.order.accession_number,
    }


def _quantity(measured: Measured) -> Resource:
    return {
        "value": measured.value,
        "unit": measured.unit.meaning,
        "system": _SYSTEMS["UCUM"],
        "code": measured.unit.value,
    }


def _concept(code: Code) -> Resource:
    coding = {"code": code.value, "display": code.meaning}
    if code.scheme in _SYSTEMS:
        coding["system"] = _SYSTEMS[code.scheme]
    return {"coding": [coding]}


def _reference(kind: str, resource_id: str) -> Resource:
    """Refer within the Bundle, as both kinds of Bundle resolve it."""
    return {"type": kind, "reference": _full_url(resource_id)}


def _full_url(resource_id: str) -> str:
    digest = hashlib.sha256(resource_id.encode()).hexdigest()[:32]
    parts = (digest[:8], digest[8:12], f"5{digest[13:16]}", f"8{digest[17:20]}", digest[20:])
    return f"urn:uuid:{'-'.join(parts)}"


def _finding_id(report: ReportContent) -> str:
    return _id(_author(report), "finding", report.study_uid)


def _author(report: ReportContent) -> str:
    return "model" if report.verifier is None else "review"


def _made_up_id(kind: str, report: ReportContent) -> str:
    return _id(kind.lower(), report.study_uid)


def _id(*parts: str) -> str:
    """Return an id that tells nothing and is the same for the same parts."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]
    return f"hilum-{digest}"


def _study_date(report: ReportContent) -> str:
    """Return the date of the study; FHIR wants a zone with every time, which images do not name."""
    date = report.study_at[:8]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else ""
