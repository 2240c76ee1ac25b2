"""A report as an HL7 v2.5.1 message ORU^R01 (HL7 v2.5.1 chapter 7), built and checked by hl7apy.

Only this file knows that library; it knows no network.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from hl7apy.base_datatypes import ST
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message, Segment
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message, parse_segment

from config.destinations import Hl7v2Destination
from dicom_node.errors import ReportUnreadable
from dicom_node.report_content import (
    PRESENT,
    Code,
    Measured,
    Patient,
    ReportContent,
    Verifier,
    require_patient,
)

VERSION = "2.5.1"
# Table 0211, with the codec that writes it.
CODECS = {"UNICODE UTF-8": "utf-8", "8859/1": "iso-8859-1", "ASCII": "ascii"}
# MSH-10 holds 20 characters (2.15.9.10).
_CONTROL_ID_LENGTH = 20
# PID-5 is required; a name of the type "unspecified" (table 0200) says that there is none.
_NO_NAME = "^^^^^^U"
# Table 0085 and 0123: not yet verified, verified, a correction of what was verified, none.
_PRELIMINARY, _FINAL, _CORRECTED, _NOT_OBTAINED = "P", "F", "C", "X"
# Table 0085: deletes what was sent; what was sent was of the wrong patient.
_DELETED, _WRONG = "D", "W"
_FINDING = Code(value="233604007", scheme="SCT", meaning="Pneumonia")
_NAME = Code(value="111001", scheme="DCM", meaning="Algorithm Name")
_VERSION = Code(value="111003", scheme="DCM", meaning="Algorithm Version")
_SUMMARY = Code(value="121111", scheme="DCM", meaning="Summary")
_COMMENT = Code(value="121106", scheme="DCM", meaning="Comment")
_REASON = Code(value="410666004", scheme="SCT", meaning="Reason")
_CONCLUSION = Code(value="121077", scheme="DCM", meaning="Conclusion")
_STUDY_UID = Code(value="110180", scheme="DCM", meaning="Study Instance UID")
# Component groups of a PN (PS3.5 6.2.1) as name representation codes (table 0465).
_GROUPS = ("A", "I", "P")


def control_id(report: ReportContent) -> str:
    """Return MSH-10: of this report, so that a repeat is known by it."""
    return hashlib.sha256(report.sop_instance_uid.encode()).hexdigest()[:_CONTROL_ID_LENGTH]


def oru_r01(report: ReportContent, destination: Hl7v2Destination) -> bytes:
    """Write a report as a message for one receiver; the same report gives the same bytes.

    Raises
    ------
    ReportUnreadable
        It holds something that the message, or the receiver's character set, has no place for.
    """
    require_patient(report)
    message = Message("ORU_R01", version=VERSION, validation_level=VALIDATION_LEVEL.STRICT)
    try:
        message.msh.value = _header(report, destination)
        result = message.add_group("ORU_R01_PATIENT_RESULT")
        patient = result.add_group("ORU_R01_PATIENT")
        patient.add(_patient(report.patient, destination.assigning_authority))
        observed = result.add_group("ORU_R01_ORDER_OBSERVATION")
        observed.add(_request(report))
        for number, fields in enumerate(_observations(report), start=1):
            observation = observed.add_group("ORU_R01_OBSERVATION")
            observation.add(_segment("OBX", {1: str(number), **fields}))
        message.validate()
        text = f"{message.to_er7()}\r"
    except (HL7apyException, ValueError) as error:
        raise ReportUnreadable(f"no valid ORU^R01: {type(error).__name__}") from None
    try:
        return text.encode(CODECS[destination.character_set])
    except UnicodeEncodeError:
        raise ReportUnreadable(
            f"the character set {destination.character_set} cannot write it"
        ) from None


def acknowledgement_in(answer: bytes, codec: str) -> tuple[str, str, str]:
    """Read an acknowledgement (2.9.2).

    Returns
    -------
    tuple
        MSA-1 Acknowledgment Code, MSA-2 Message Control ID, and the first ERR-3.1 (table 0357),
        each empty where it is not said. No text of it is read: it may repeat the patient.

    Raises
    ------
    ValueError
        It is no HL7 message.
    """
    try:
        message = parse_message(answer.decode(codec).strip("\r\n") + "\r", find_groups=False)
    except (HL7apyException, UnicodeDecodeError):
        raise ValueError("no HL7 message") from None
    found = {child.name: child for child in reversed(message.children)}
    code, control = (_field(found.get("MSA"), number) for number in (1, 2))
    error_code = _field(found.get("ERR"), 3).partition("^")[0]
    return code, control, error_code


def _field(segment: Segment | None, number: int) -> str:
    if segment is None:
        return ""
    fields = segment.to_er7().split("|")
    return str(fields[number]) if len(fields) > number else ""


def _header(report: ReportContent, destination: Hl7v2Destination) -> str:
    fields = [
        destination.sending_application,
        destination.sending_facility,
        destination.receiving_application,
        destination.receiving_facility,
        _time(report.made_at),
        "",
        "ORU^R01^ORU_R01",
        control_id(report),
        destination.processing_id,
        VERSION,
        *[""] * 5,
        destination.character_set,
    ]
    plain = (7, 11)  # counted from MSH-3: what is no free text
    escaped = [
        one if number in plain or "^" in one else _escaped(one) for number, one in enumerate(fields)
    ]
    return "|".join(["MSH", "^~\\&", *escaped])


def _patient(patient: Patient, assigning_authority: str) -> Segment:
    authority = patient.issuer or assigning_authority
    identifier = _components(patient.patient_id, "", "", authority, "PI")
    return _segment(
        "PID",
        {
            1: "1",
            3: identifier,
            5: "~".join(_names(patient.name)) or _NO_NAME,
            7: patient.birth_date,
            8: patient.sex,
        },
    )


def _names(person_name: str) -> Iterator[str]:
    """Write a PN as XPN (2.A.88): its prefix stands before the suffix, there it is the reverse."""
    for representation, group in zip(_GROUPS, person_name.split("="), strict=False):
        parts = [*group.split("^"), *[""] * 5][:5]
        if any(parts):
            family, given, middle, prefix, suffix = parts
            yield _components(family, given, middle, suffix, prefix, "", "L", representation)


def _request(report: ReportContent) -> Segment:
    order = report.order
    fields = {
        1: "1",
        2: _escaped(order.placer_number),
        3: _escaped(order.filler_number or order.accession_number),
        4: _coded(order.procedure),
        7: report.study_at,
        18: _escaped(order.accession_number),
        22: _time(report.made_at),
        24: "RAD",  # table 0074
        25: _status(report),
    }
    if report.verifier is not None:
        fields[32] = _person(report.verifier, "&")
    return _segment("OBR", fields)


def _status(report: ReportContent) -> str:
    if report.verifier is None:
        return _PRELIMINARY
    # A withdrawal corrects what was told before, be it the machine's word or a person's.
    is_correction = report.follows_review or report.is_withdrawal
    return _CORRECTED if is_correction else _FINAL


def _status_of_numbers(report: ReportContent) -> str:
    """Return the status of what a machine measured: unverified, whoever verified the report."""
    if not report.is_withdrawal:
        return _PRELIMINARY
    return _WRONG if report.is_of_another_patient else _DELETED


def _observations(report: ReportContent) -> Iterator[dict[int, str]]:
    """Give the fields of each OBX: what holds, what was measured, by what, and in words."""
    status = _FINAL if report.is_withdrawal else _status(report)
    yield _finding(report, status)
    if report.reason is not None:
        yield _observation(_REASON, "CWE", _coded(report.reason), status)
    if report.conclusion is not None:
        yield _observation(_CONCLUSION, "CWE", _coded(report.conclusion), status)
    for number, image in enumerate(report.images, start=1):
        for measured in image.numbers:
            yield _number(measured, number, report)
    yield _observation(_NAME, "ST", _escaped(report.device.name), status)
    yield _observation(_VERSION, "ST", _escaped(report.device.model_version), status)
    yield _observation(_SUMMARY, "TX", _lines(report.summary), status)
    for comment in report.comments:
        yield _observation(_COMMENT, "TX", _lines(comment), status)
    yield _observation(_STUDY_UID, "ST", report.study_uid, status)


def _finding(report: ReportContent, status: str) -> dict[int, str]:
    if report.is_withdrawal:
        return _observation(_FINDING, "CWE", "", _status_of_numbers(report))
    if report.presence is None:
        return _observation(_FINDING, "CWE", "", _NOT_OBTAINED)
    fields = _observation(_FINDING, "CWE", _coded(report.presence), status)
    if report.presence.value == PRESENT:
        fields[8] = "A"  # table 0078, abnormal
    if report.verifier is not None:
        fields[16] = _person(report.verifier)
    return fields


def _number(measured: Measured, image: int, report: ReportContent) -> dict[int, str]:
    fields = _observation(measured.name, "NM", measured.value, _status_of_numbers(report))
    fields[4] = str(image)
    fields[6] = _coded(measured.unit)
    fields[18] = _components(report.device.serial_number, "", report.device.device_uid, "ISO")
    return fields


def _observation(name: Code, value_type: str, value: str, status: str) -> dict[int, str]:
    return {2: value_type, 3: _coded(name), 5: value, 11: status}


def _person(verifier: Verifier, separator: str = "^") -> str:
    family, given = [*verifier.name.partition("=")[0].split("^"), ""][:2]
    return separator.join(_escaped(part) for part in (verifier.login, family, given))


def _coded(code: Code) -> str:
    return _components(code.value, code.meaning, code.scheme)


def _components(*parts: str) -> str:
    return "^".join(_escaped(part) for part in parts).rstrip("^")


def _lines(text: str) -> str:
    """Write text line by line, each a repetition of the field (2.A.79)."""
    return "~".join(_escaped(line) for line in text.splitlines() if line.strip())


def _escaped(text: str) -> str:
    """Escape the delimiters (2.7.1); control characters, which have no place, become spaces."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    return str(ST(printable).to_er7())


def _segment(name: str, fields: dict[int, str]) -> Segment:
    values: Sequence[str] = [fields.get(number, "") for number in range(1, max(fields) + 1)]
    return parse_segment(
        "|".join([name, *values]), version=VERSION, validation_level=VALIDATION_LEVEL.STRICT
    )


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")
