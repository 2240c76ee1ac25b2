"""A line of the audit trail as a DICOM audit message (PS3.15 A.5). Pure; it knows no network.

Which event of PS3.15 A.5.3 a line is stands in one table; our own word for it goes with it as a
further Event Type Code, so that nothing is lost in the translation.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelFind,
)

from archive.account_records import AuditAction, AuditEntry
from archive.operation_records import AuditLine
from dicom_node.report_content import Code

# Without the line end that the library would write: syslog has lines of its own.
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_DCM, _RFC_3881, _OURS = "DCM", "RFC-3881", "99HILUM"
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
_TRAIL, _REVIEWS = "/api/v1/audit", "/api/v1/exports/reviews"


def _dcm(value: int, meaning: str) -> Code:
    return Code(value=str(value), scheme=_DCM, meaning=meaning)


# PS3.16 CID 400, 401, 402, 405 and 404.
_APPLICATION_ACTIVITY = _dcm(110100, "Application Activity")
_AUDIT_LOG_USED = _dcm(110101, "Audit Log Used")
_INSTANCES_ACCESSED = _dcm(110103, "DICOM Instances Accessed")
_INSTANCES_TRANSFERRED = _dcm(110104, "DICOM Instances Transferred")
_EXPORT = _dcm(110106, "Export")
_PROCEDURE_RECORD = _dcm(110111, "Procedure Record")
_QUERY = _dcm(110112, "Query")
_SECURITY_ALERT = _dcm(110113, "Security Alert")
_USER_AUTHENTICATION = _dcm(110114, "User Authentication")
_START, _STOP = _dcm(110120, "Application Start"), _dcm(110121, "Application Stop")
_LOGIN, _LOGOUT = _dcm(110122, "Login"), _dcm(110123, "Logout")
_NETWORK_CONFIGURATION = _dcm(110128, "Network Configuration")
_SOFTWARE_CONFIGURATION = _dcm(110131, "Software Configuration")
_RESTRICTED_FUNCTION = _dcm(110132, "Use of Restricted Function")
_USER_ATTRIBUTES = _dcm(110137, "User Security Attributes Changed")
_APPLICATION = _dcm(110150, "Application")
_LAUNCHER = _dcm(110151, "Application Launcher")
_DESTINATION, _SOURCE = _dcm(110152, "Destination Role ID"), _dcm(110153, "Source Role ID")
_DESTINATION_MEDIA = _dcm(110154, "Destination Media")
_URI_MEDIA = _dcm(110037, "URI")
_STUDY_UID = _dcm(110180, "Study Instance UID")
_SOP_CLASS_UID = _dcm(110181, "SOP Class UID")
_NODE_ID = _dcm(110182, "Node ID")
# A.5.1.2.4.
_PATIENT_NUMBER = Code(value="2", scheme=_RFC_3881, meaning="Patient Number")
_USER_IDENTIFIER = Code(value="11", scheme=_RFC_3881, meaning="User Identifier")
_URI = Code(value="12", scheme=_RFC_3881, meaning="URI")


class _Subject(Enum):
    """What a line is about, beside the study that it may name."""

    NOTHING = "nothing"
    QUERY = "query"
    ACCOUNT = "account"
    TRAIL = "trail"
    REVIEWS = "reviews"
    NODE = "node"


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One message of PS3.15 A.5.3."""

    event: Code
    action_code: str
    """A.5.2: C, R, U, D or E (execute)."""
    type: Code | None = None
    subject: _Subject = _Subject.NOTHING
    user_role: Code | None = None
    our_role: Code | None = None


_STUDY_READ = _Kind(event=_INSTANCES_ACCESSED, action_code="R")
_TRAIL_READ = _Kind(event=_AUDIT_LOG_USED, action_code="R", subject=_Subject.TRAIL)
_ACCOUNT_CHANGED = _Kind(
    event=_SECURITY_ALERT, action_code="E", type=_USER_ATTRIBUTES, subject=_Subject.ACCOUNT
)
_OPERATED = _Kind(
    event=_SECURITY_ALERT, action_code="E", type=_RESTRICTED_FUNCTION, subject=_Subject.NODE
)
_NETWORK_CHANGED = _Kind(
    event=_SECURITY_ALERT, action_code="E", type=_NETWORK_CONFIGURATION, subject=_Subject.NODE
)
_SOFTWARE_CHANGED = _Kind(
    event=_SECURITY_ALERT, action_code="E", type=_SOFTWARE_CONFIGURATION, subject=_Subject.NODE
)
KINDS: dict[str, _Kind] = {
    AuditAction.STARTED: _Kind(
        event=_APPLICATION_ACTIVITY,
        action_code="E",
        type=_START,
        user_role=_LAUNCHER,
        our_role=_APPLICATION,
    ),
    AuditAction.STOPPED: _Kind(
        event=_APPLICATION_ACTIVITY,
        action_code="E",
        type=_STOP,
        user_role=_LAUNCHER,
        our_role=_APPLICATION,
    ),
    AuditAction.SIGN_IN: _Kind(event=_USER_AUTHENTICATION, action_code="E", type=_LOGIN),
    AuditAction.SIGN_OUT: _Kind(event=_USER_AUTHENTICATION, action_code="E", type=_LOGOUT),
    AuditAction.STUDY_OPENED: _STUDY_READ,
    AuditAction.IMAGE_SHOWN: _STUDY_READ,
    AuditAction.HEAT_MAP_OPENED: _STUDY_READ,
    AuditAction.STUDIES_SEARCHED: _Kind(
        event=_QUERY,
        action_code="E",
        subject=_Subject.QUERY,
        user_role=_SOURCE,
        our_role=_DESTINATION,
    ),
    AuditAction.OBJECT_READ: _Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="R",
        user_role=_DESTINATION,
        our_role=_SOURCE,
    ),
    AuditAction.OBJECT_STORED: _Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="C",
        user_role=_SOURCE,
        our_role=_DESTINATION,
    ),
    AuditAction.REVIEW: _Kind(event=_INSTANCES_ACCESSED, action_code="C"),
    AuditAction.UNDO: _Kind(event=_INSTANCES_ACCESSED, action_code="D"),
    AuditAction.DEFER: _Kind(event=_PROCEDURE_RECORD, action_code="U"),
    AuditAction.REPLAY: _OPERATED,
    AuditAction.GIVE_UP: _OPERATED,
    AuditAction.ERRAND: _OPERATED,
    AuditAction.PAUSE: _NETWORK_CHANGED,
    AuditAction.RESUME: _NETWORK_CHANGED,
    AuditAction.RULES_RELOADED: _SOFTWARE_CHANGED,
    AuditAction.PREFERENCES_CHANGED: _SOFTWARE_CHANGED,
    AuditAction.EXPORT: _Kind(
        event=_EXPORT,
        action_code="R",
        subject=_Subject.REVIEWS,
        user_role=_SOURCE,
        our_role=_DESTINATION_MEDIA,
    ),
    AuditAction.AUDIT_READ: _TRAIL_READ,
    AuditAction.SET_UP: _ACCOUNT_CHANGED,
    AuditAction.USER_ADDED: _ACCOUNT_CHANGED,
    AuditAction.USER_CHANGED: _ACCOUNT_CHANGED,
    AuditAction.PASSWORD_LINK: _ACCOUNT_CHANGED,
    AuditAction.PASSWORD_CHANGED: _ACCOUNT_CHANGED,
    AuditAction.SESSIONS_ENDED: _ACCOUNT_CHANGED,
    AuditAction.TOKEN_ADDED: _ACCOUNT_CHANGED,
    AuditAction.TOKEN_REVOKED: _ACCOUNT_CHANGED,
}


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
    kind = _kind_of(entry)
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


def _kind_of(entry: AuditEntry) -> _Kind:
    """Return the message of a line; a word of another version is a restricted function too."""
    if entry.action == AuditAction.EXPORT and entry.details.get("form") == "audit":
        return _TRAIL_READ
    return KINDS.get(entry.action, _OPERATED)


def _identify(message: Element, line: AuditLine, kind: _Kind) -> None:
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


def _add_participants(
    message: Element, entry: AuditEntry, kind: _Kind, source: AuditSource
) -> None:
    # Nobody is signed in where a sign-in without a name was refused.
    user = _participant(message, entry.actor or "unknown", kind.user_role, is_requestor=True)
    if entry.address:
        _locate(user, entry.address)
    ours = _participant(message, source.ae_title, kind.our_role, is_requestor=False)
    if kind.our_role is _DESTINATION_MEDIA:
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


def _objects(line: AuditLine, kind: _Kind, source: AuditSource) -> Iterator[Element]:
    entry = line.event.entry
    if entry.study_uid:
        yield _object(_STUDY_UID, entry.study_uid, (_SYSTEM_OBJECT, _REPORT), details=entry.details)
    if line.patient_id and source.names_patients:
        yield _object(_PATIENT_NUMBER, line.patient_id, (_PERSON, _PATIENT))
    subject = _subject(entry, kind, source)
    if subject is not None:
        yield subject


def _subject(entry: AuditEntry, kind: _Kind, source: AuditSource) -> Element | None:
    match kind.subject:
        case _Subject.QUERY:
            # The trail keeps no search keys: they may name a patient.
            return _object(
                _SOP_CLASS_UID,
                str(StudyRootQueryRetrieveInformationModelFind),
                (_SYSTEM_OBJECT, _REPORT),
                details=entry.details,
                is_query=True,
            )
        case _Subject.ACCOUNT:
            account = str(entry.details.get("login") or entry.actor)
            return _object(_USER_IDENTIFIER, account, (_PERSON, _USER), details=entry.details)
        case _Subject.TRAIL:
            return _object(
                _URI,
                _TRAIL,
                (_SYSTEM_OBJECT, _SECURITY_RESOURCE),
                # A.5.3.2 gives this name.
                name="Security Audit Log",
                details=entry.details,
            )
        case _Subject.REVIEWS:
            return _object(_URI, _REVIEWS, (_SYSTEM_OBJECT, _REPORT), details=entry.details)
        case _Subject.NODE:
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
