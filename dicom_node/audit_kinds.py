"""Which message of PS3.15 A.5.3 each line of the audit trail is: one table.

Our own word for a line goes with it as a further Event Type Code, so that nothing is lost in the
translation.
"""

from dataclasses import dataclass, replace
from enum import Enum

from archive.account_records import AuditAction, AuditEntry
from dicom_node.report_content import Code

# Kinds of destination that get the DICOM objects themselves.
_DICOM_KINDS = ("dimse", "stow")


def dcm(value: int, meaning: str) -> Code:
    """Return a code of DICOM (PS3.16 annex D)."""
    return Code(value=str(value), scheme="DCM", meaning=meaning)


# PS3.16 CID 400, 401 and 402.
_APPLICATION_ACTIVITY = dcm(110100, "Application Activity")
_AUDIT_LOG_USED = dcm(110101, "Audit Log Used")
_INSTANCES_ACCESSED = dcm(110103, "DICOM Instances Accessed")
_INSTANCES_TRANSFERRED = dcm(110104, "DICOM Instances Transferred")
_STUDY_DELETED = dcm(110105, "DICOM Study Deleted")
_EXPORT = dcm(110106, "Export")
_PROCEDURE_RECORD = dcm(110111, "Procedure Record")
_QUERY = dcm(110112, "Query")
_SECURITY_ALERT = dcm(110113, "Security Alert")
_USER_AUTHENTICATION = dcm(110114, "User Authentication")
_START, _STOP = dcm(110120, "Application Start"), dcm(110121, "Application Stop")
_LOGIN, _LOGOUT = dcm(110122, "Login"), dcm(110123, "Logout")
_NETWORK_CONFIGURATION = dcm(110128, "Network Configuration")
_SOFTWARE_CONFIGURATION = dcm(110131, "Software Configuration")
_RESTRICTED_FUNCTION = dcm(110132, "Use of Restricted Function")
_USER_ATTRIBUTES = dcm(110137, "User Security Attributes Changed")
_APPLICATION = dcm(110150, "Application")
_LAUNCHER = dcm(110151, "Application Launcher")
_DESTINATION, _SOURCE = dcm(110152, "Destination Role ID"), dcm(110153, "Source Role ID")
DESTINATION_MEDIA = dcm(110154, "Destination Media")


class Subject(Enum):
    """What a line is about, beside the study that it may name."""

    NOTHING = "nothing"
    QUERY = "query"
    ACCOUNT = "account"
    TRAIL = "trail"
    REVIEWS = "reviews"
    NODE = "node"


class Ends(Enum):
    """Who took part; who began it stands first."""

    USER_AND_US = "a person, a program or a part of ours, and we"
    PEER_AND_US = "a DICOM peer that sent something, and we"
    US_AND_RECEIVER = "we, who sent something, and who took it"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One message of PS3.15 A.5.3."""

    event: Code
    action_code: str
    """A.5.2: C, R, U, D or E (execute)."""
    type: Code | None = None
    subject: Subject = Subject.NOTHING
    user_role: Code | None = None
    our_role: Code | None = None
    ends: Ends = Ends.USER_AND_US


_STUDY_READ = Kind(event=_INSTANCES_ACCESSED, action_code="R")
_TRAIL_READ = Kind(event=_AUDIT_LOG_USED, action_code="R", subject=Subject.TRAIL)
_ACCOUNT_CHANGED = Kind(
    event=_SECURITY_ALERT, action_code="E", type=_USER_ATTRIBUTES, subject=Subject.ACCOUNT
)
_OPERATED = Kind(
    event=_SECURITY_ALERT, action_code="E", type=_RESTRICTED_FUNCTION, subject=Subject.NODE
)
_NETWORK_CHANGED = Kind(
    event=_SECURITY_ALERT, action_code="E", type=_NETWORK_CONFIGURATION, subject=Subject.NODE
)
_SOFTWARE_CHANGED = Kind(
    event=_SECURITY_ALERT, action_code="E", type=_SOFTWARE_CONFIGURATION, subject=Subject.NODE
)
KINDS: dict[str, Kind] = {
    AuditAction.STARTED: Kind(
        event=_APPLICATION_ACTIVITY,
        action_code="E",
        type=_START,
        user_role=_LAUNCHER,
        our_role=_APPLICATION,
    ),
    AuditAction.STOPPED: Kind(
        event=_APPLICATION_ACTIVITY,
        action_code="E",
        type=_STOP,
        user_role=_LAUNCHER,
        our_role=_APPLICATION,
    ),
    AuditAction.SIGN_IN: Kind(event=_USER_AUTHENTICATION, action_code="E", type=_LOGIN),
    AuditAction.SIGN_OUT: Kind(event=_USER_AUTHENTICATION, action_code="E", type=_LOGOUT),
    AuditAction.STUDY_OPENED: _STUDY_READ,
    AuditAction.IMAGE_SHOWN: _STUDY_READ,
    AuditAction.HEAT_MAP_OPENED: _STUDY_READ,
    AuditAction.STUDIES_SEARCHED: Kind(
        event=_QUERY,
        action_code="E",
        subject=Subject.QUERY,
        user_role=_SOURCE,
        our_role=_DESTINATION,
    ),
    AuditAction.OBJECT_READ: Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="R",
        user_role=_DESTINATION,
        our_role=_SOURCE,
    ),
    AuditAction.OBJECT_STORED: Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="C",
        user_role=_SOURCE,
        our_role=_DESTINATION,
    ),
    AuditAction.STUDY_RECEIVED: Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="C",
        user_role=_SOURCE,
        our_role=_DESTINATION,
        ends=Ends.PEER_AND_US,
    ),
    AuditAction.REPORT_SENT: Kind(
        event=_INSTANCES_TRANSFERRED,
        action_code="C",
        user_role=_DESTINATION,
        our_role=_SOURCE,
        ends=Ends.US_AND_RECEIVER,
    ),
    # A.5.3.8: who deletes, and we; the study and its patient.
    AuditAction.STUDY_DELETED: Kind(event=_STUDY_DELETED, action_code="D"),
    AuditAction.REVIEW: Kind(event=_INSTANCES_ACCESSED, action_code="C"),
    AuditAction.UNDO: Kind(event=_INSTANCES_ACCESSED, action_code="D"),
    AuditAction.DEFER: Kind(event=_PROCEDURE_RECORD, action_code="U"),
    AuditAction.REPLAY: _OPERATED,
    AuditAction.GIVE_UP: _OPERATED,
    AuditAction.ERRAND: _OPERATED,
    AuditAction.PAUSE: _NETWORK_CHANGED,
    AuditAction.RESUME: _NETWORK_CHANGED,
    AuditAction.RULES_RELOADED: _SOFTWARE_CHANGED,
    AuditAction.MODEL_CHANGED: _SOFTWARE_CHANGED,
    AuditAction.PREFERENCES_CHANGED: _SOFTWARE_CHANGED,
    AuditAction.EXPORT: Kind(
        event=_EXPORT,
        action_code="R",
        subject=Subject.REVIEWS,
        user_role=_SOURCE,
        our_role=DESTINATION_MEDIA,
    ),
    AuditAction.BACKUP: Kind(
        event=_EXPORT,
        action_code="R",
        subject=Subject.NODE,
        user_role=_SOURCE,
        our_role=DESTINATION_MEDIA,
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


def kind_of(entry: AuditEntry) -> Kind:
    """Return the message of a line; a word of another version is a restricted function too."""
    if entry.action == AuditAction.EXPORT and entry.details.get("form") == "audit":
        return _TRAIL_READ
    kind = KINDS.get(entry.action, _OPERATED)
    if kind.ends is Ends.PEER_AND_US and not entry.details.get("new", 1):
        # A.5.3.7: the receiver held copies already, and no change was needed.
        return replace(kind, action_code="R")
    if kind.ends is Ends.US_AND_RECEIVER and entry.details.get("kind") not in _DICOM_KINDS:
        # What our report says went out by HL7, FHIR or a webhook, not the report.
        return replace(kind, event=_EXPORT, action_code="R", user_role=DESTINATION_MEDIA)
    return kind
