"""A line of the audit trail as a DICOM audit message (PS3.15 A.5). Pure; it knows no network."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelFind,
)

from archive.account_records import AuditEntry
from archive.operation_records import AuditLine
from dicom_node.audit_kinds import DESTINATION_MEDIA, Ends, Kind, Subject, dcm, kind_of
from dicom_node.report_content import Code

# Without the line end that the library would write: syslog has lines of its own.
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_RFC_3881, _OURS = "RFC-3881", "99HILUM"
SUCCESS = "success"
# PS3.15 A.5.2, EventOutcomeIndicator: success; minor failure.
_SUCCEEDED, _FAILED = "0", "4"
# A.5.1.2.1: application server.
_APPLICATION_SERVER = "4"
# A.5.2: NetworkAccessPointTypeCode machine name, IP address.
_MACHINE_NAME, _IP_ADDRESS = "1", "2"
# A.5.1, A.5.1.2.2: what kind of thing an object is, and in which role.
_PERSON, _SYSTEM_OBJECT = "1", "2"
_PATIENT, _REPORT, _USER, _SECURITY_RESOURCE = "1", "3", "6", "13"
# A.5.1.1: what AlternativeUserID of a DICOM process begins with.
_AE_TITLES = "AETITLES="
_TRAIL, _REVIEWS = "/api/v1/audit", "/api/v1/exports/reviews"
# PS3.16 CID 405 and 404.
_URI_MEDIA = dcm(110037, "URI")
_STUDY_UID = dcm(110180, "Study Instance UID")
_SOP_CLASS_UID = dcm(110181, "SOP Class UID")
_NODE_ID = dcm(110182, "Node ID")
# A.5.1.2.4.
_PATIENT_NUMBER = Code(value="2", scheme=_RFC_3881, meaning="Patient Number")
_USER_IDENTIFIER = Code(value="11", scheme=_RFC_3881, meaning="User Identifier")
_URI = Code(value="12", scheme=_RFC_3881, meaning="URI")


@dataclass(frozen=True, kw_only=True)
class AuditSource:
    """Who reports: this installation."""

    ae_title: str
    host: str
    enterprise_site: str
    """Empty where not stated."""
    names_patients: bool
    """Whether the patient ID stands beside the study."""


def audit_message(line: AuditLine, source: AuditSource) -> bytes:
    """Write a line as XML of the schema of PS3.15 A.5.1 in UTF-8; a repeat gives the same bytes."""
    entry = line.event.entry
    kind = kind_of(entry)
    message = Element("AuditMessage")
    _identify(message, line, kind)
    _add_participants(message, entry, kind, source)
    _add_source(message, source)
    for written in _objects(line, kind, source):
        message.append(written)
    return _DECLARATION + bytes(tostring(message, encoding="UTF-8", xml_declaration=False))


def has_succeeded(entry: AuditEntry) -> bool:
    """Tell whether what was tried came about."""
    return entry.outcome == SUCCESS


def _identify(message: Element, line: AuditLine, kind: Kind) -> None:
    entry = line.event.entry
    identification = SubElement(
        message,
        "EventIdentification",
        EventActionCode=kind.action_code,
        EventDateTime=line.event.at.isoformat(timespec="microseconds"),
        EventOutcomeIndicator=_SUCCEEDED if has_succeeded(entry) else _FAILED,
    )
    _coded(identification, "EventID", kind.event)
    if kind.type is not None:
        _coded(identification, "EventTypeCode", kind.type)
    word = Code(value=entry.action, scheme=_OURS, meaning=entry.action)
    _coded(identification, "EventTypeCode", word)
    if not has_succeeded(entry):
        SubElement(identification, "EventOutcomeDescription").text = entry.outcome


def _add_participants(message: Element, entry: AuditEntry, kind: Kind, source: AuditSource) -> None:
    match kind.ends:
        case Ends.PEER_AND_US:
            _add_peer(message, entry, kind, name="sender", address=entry.address, begins=True)
            _add_us(message, entry, kind, source, name="receiver")
        case Ends.US_AND_RECEIVER:
            _add_us(message, entry, kind, source, name="")
            host = str(entry.details.get("host", ""))
            _add_peer(message, entry, kind, name="receiver", address=host, begins=False)
        case Ends.USER_AND_US:
            _add_user_and_us(message, entry, kind, source)


def _add_peer(
    message: Element, entry: AuditEntry, kind: Kind, *, name: str, address: str, begins: bool
) -> None:
    """Add a peer by what the line calls it in its detail `name`."""
    title = str(entry.details.get(name) or "unknown")
    peer = _participant(message, title, kind.user_role, is_requestor=begins)
    if kind.user_role is DESTINATION_MEDIA:
        _coded(SubElement(peer, "MediaIdentifier"), "MediaType", _URI_MEDIA)
    else:
        peer.set("AlternativeUserID", _AE_TITLES + title)
    if address:
        _locate(peer, address)


def _add_us(
    message: Element, entry: AuditEntry, kind: Kind, source: AuditSource, *, name: str
) -> None:
    """Add this installation, under the title that the line's detail `name` says was called."""
    title = str(entry.details.get(name) or source.ae_title)
    is_requestor = kind.ends is Ends.US_AND_RECEIVER
    ours = _participant(message, source.ae_title, kind.our_role, is_requestor=is_requestor)
    ours.set("AlternativeUserID", _AE_TITLES + title)
    _locate(ours, source.host)


def _add_user_and_us(message: Element, entry: AuditEntry, kind: Kind, source: AuditSource) -> None:
    # Nobody is signed in where a sign-in without a name was refused.
    user = _participant(message, entry.actor or "unknown", kind.user_role, is_requestor=True)
    if entry.address:
        _locate(user, entry.address)
    ours = _participant(message, source.ae_title, kind.our_role, is_requestor=False)
    if kind.our_role is DESTINATION_MEDIA:
        # A.5.3.4: what was exported went to the browser or program that asked.
        _coded(SubElement(ours, "MediaIdentifier"), "MediaType", _URI_MEDIA)
    _locate(ours, source.host)


def _participant(
    message: Element, user_id: str, role: Code | None, *, is_requestor: bool
) -> Element:
    participant = SubElement(
        message,
        "ActiveParticipant",
        UserID=user_id,
        UserIsRequestor="true" if is_requestor else "false",
    )
    if role is not None:
        _coded(participant, "RoleIDCode", role)
    return participant


def _locate(participant: Element, address: str) -> None:
    try:
        ip_address(address)
    except ValueError:
        kind = _MACHINE_NAME
    else:
        kind = _IP_ADDRESS
    participant.set("NetworkAccessPointID", address)
    participant.set("NetworkAccessPointTypeCode", kind)


def _add_source(message: Element, source: AuditSource) -> None:
    identification = SubElement(message, "AuditSourceIdentification", AuditSourceID=source.ae_title)
    if source.enterprise_site:
        identification.set("AuditEnterpriseSiteID", source.enterprise_site)
    SubElement(identification, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})


def _objects(line: AuditLine, kind: Kind, source: AuditSource) -> Iterator[Element]:
    entry = line.event.entry
    if entry.study_uid:
        study = _object(
            _STUDY_UID, entry.study_uid, (_SYSTEM_OBJECT, _REPORT), details=entry.details
        )
        _describe(study, entry.details.get("instances"))
        yield study
    if line.patient_id and source.names_patients:
        yield _object(_PATIENT_NUMBER, line.patient_id, (_PERSON, _PATIENT))
    subject = _subject(entry, kind, source)
    if subject is not None:
        yield subject


def _subject(entry: AuditEntry, kind: Kind, source: AuditSource) -> Element | None:
    match kind.subject:
        case Subject.QUERY:
            # The trail keeps no search keys: they may name a patient.
            return _object(
                _SOP_CLASS_UID,
                str(StudyRootQueryRetrieveInformationModelFind),
                (_SYSTEM_OBJECT, _REPORT),
                details=entry.details,
                is_query=True,
            )
        case Subject.ACCOUNT:
            account = str(entry.details.get("login") or entry.actor)
            return _object(_USER_IDENTIFIER, account, (_PERSON, _USER), details=entry.details)
        case Subject.TRAIL:
            return _object(
                _URI,
                _TRAIL,
                (_SYSTEM_OBJECT, _SECURITY_RESOURCE),
                # A.5.3.2 gives this name.
                name="Security Audit Log",
                details=entry.details,
            )
        case Subject.REVIEWS:
            return _object(_URI, _REVIEWS, (_SYSTEM_OBJECT, _REPORT), details=entry.details)
        case Subject.NODE:
            return _object(_NODE_ID, source.ae_title, (_SYSTEM_OBJECT, ""), details=entry.details)
    return None


def _object(
    id_type: Code,
    object_id: str,
    kind_and_role: tuple[str, str],
    *,
    name: str = "",
    details: dict[str, object] | None = None,
    is_query: bool = False,
) -> Element:
    kind, role = kind_and_role
    written = Element(
        "ParticipantObjectIdentification",
        ParticipantObjectID=object_id,
        ParticipantObjectTypeCode=kind,
    )
    if role:
        written.set("ParticipantObjectTypeCodeRole", role)
    _coded(written, "ParticipantObjectIDTypeCode", id_type)
    if is_query:
        SubElement(written, "ParticipantObjectQuery")
    else:
        SubElement(written, "ParticipantObjectName").text = name
    for key, value in sorted((details or {}).items()):
        plain = value if isinstance(value, str) else json.dumps(value)
        encoded = base64.b64encode(plain.encode()).decode("ascii")
        SubElement(written, "ParticipantObjectDetail", type=key, value=encoded)
    return written


def _describe(study: Element, instances: object) -> None:
    """Say how many instances of which SOP classes it was (A.5.3.7)."""
    if isinstance(instances, dict) and instances:
        description = SubElement(study, "ParticipantObjectDescription")
        for uid, count in sorted(instances.items()):
            SubElement(description, "SOPClass", UID=str(uid), NumberOfInstances=str(count))


def _coded(parent: Element, name: str, code: Code) -> None:
    SubElement(
        parent,
        name,
        {
            "csd-code": code.value,
            "codeSystemName": code.scheme,
            "originalText": code.meaning,
        },
    )
