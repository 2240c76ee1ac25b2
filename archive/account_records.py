"""The nouns of who may do what: users, sessions, tokens, and the audit trail of what they did."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a person may do here."""

    RADIOLOGIST = "radiologist"
    """Reads studies and reviews results."""
    ADMIN = "admin"
    """Runs queues, destinations and accounts."""
    ML = "ml"
    """Watches models and exports reviews."""


class Scope(StrEnum):
    """What a program with a token may do here; never a review, which needs a person."""

    PREDICT = "predict"
    READ = "read"
    """Studies, findings and images, also by DICOMweb."""
    STORE = "store"
    """Send objects by STOW-RS."""
    OPERATE = "operate"
    """Queues, deliveries and their replay."""
    EXPORT = "export"
    """Reviews and figures of models."""


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """An account to be made."""

    login: str
    """What is typed to sign in; compared without regard to case."""
    person_name: str
    """As it will stand in verified reports: DICOM PN, components separated by ^ (PS3.5 6.2)."""
    roles: frozenset[Role]
    password_hash: str | None
    """None for who signs in through an OpenID provider only."""
    oidc_subject: str | None = None
    """Issuer and subject of the OpenID provider, which name a person for good."""
    is_shared: bool = False
    """Used by several people; may look, and may not review."""
    organisation: str = ""


@dataclass(frozen=True, kw_only=True)
class User:
    """One account."""

    user_id: int
    login: str
    person_name: str
    organisation: str
    roles: frozenset[Role]
    is_active: bool
    is_shared: bool
    is_blind_first: bool
    """Wants to say what he or she sees before the AI result is shown."""
    has_password: bool
    has_provider: bool
    """Signs in through the OpenID provider, which says name and roles at each sign-in."""
    has_password_link: bool
    """A link to choose a password waits to be used."""
    created_at: datetime
    last_sign_in_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """One browser in which a person is signed in."""

    session_id: str
    """Names it; says nothing of its secret."""
    created_at: datetime
    last_seen_at: datetime
    address: str
    """Network address at sign-in."""
    browser: str
    """What the browser calls itself."""


@dataclass(frozen=True, kw_only=True)
class OidcAttempt:
    """A browser that was sent to the OpenID provider, as it comes back."""

    code_verifier: str
    """RFC 7636 section 4.1."""
    nonce: str
    """OpenID Connect Core section 3.1.2.1."""
    target: str
    """The page that was asked for."""


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    """The right of a program to ask; its secret is known only to who was given it."""

    token_id: str
    name: str
    scopes: frozenset[Scope]
    created_by: str
    """Login of who made it."""
    user_id: int | None
    """Whose it is: it ends with the account; None: the installation's."""
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


# Who typed a command, in the audit trail, in the list of tokens, and where something is paused.
COMMAND_LINE = "command-line"


class AuditAction(StrEnum):
    """Everything that leaves a line in the audit trail."""

    STARTED = "STARTED"
    STOPPED = "STOPPED"
    SET_UP = "SET_UP"
    SIGN_IN = "SIGN_IN"
    SIGN_OUT = "SIGN_OUT"
    STUDY_OPENED = "STUDY_OPENED"
    STUDIES_SEARCHED = "STUDIES_SEARCHED"
    IMAGE_SHOWN = "IMAGE_SHOWN"
    HEAT_MAP_OPENED = "HEAT_MAP_OPENED"
    OBJECT_READ = "OBJECT_READ"
    OBJECT_STORED = "OBJECT_STORED"
    STUDY_RECEIVED = "STUDY_RECEIVED"
    REPORT_SENT = "REPORT_SENT"
    STUDY_DELETED = "STUDY_DELETED"
    REVIEW = "REVIEW"
    UNDO = "UNDO"
    DEFER = "DEFER"
    REPLAY = "REPLAY"
    GIVE_UP = "GIVE_UP"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    ERRAND = "ERRAND"
    RULES_RELOADED = "RULES_RELOADED"
    MODEL_CHANGED = "MODEL_CHANGED"
    EXPORT = "EXPORT"
    BACKUP = "BACKUP"
    USER_ADDED = "USER_ADDED"
    USER_CHANGED = "USER_CHANGED"
    PASSWORD_LINK = "PASSWORD_LINK"  # noqa: S105 - a word of the audit trail
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a word of the audit trail
    SESSIONS_ENDED = "SESSIONS_ENDED"
    PREFERENCES_CHANGED = "PREFERENCES_CHANGED"
    TOKEN_ADDED = "TOKEN_ADDED"  # noqa: S105 - a word of the audit trail
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - a word of the audit trail
    AUDIT_READ = "AUDIT_READ"


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did, to be recorded."""

    actor: str
    """Login, `token:` and its identifier, `ae:` and an AE title, or a part of the process group."""
    action: str
    """One of `AuditAction`; as text, since a line may be of another version."""
    outcome: str = "success"
    study_uid: str = ""
    address: str = ""
    """Network address of the client; empty for our own processes."""
    details: dict[str, Any] = field(default_factory=dict)
    """Further words without patient data."""


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One recorded line of the audit trail; each holds the digest of the one before."""

    event_id: int
    at: datetime
    entry: AuditEntry
    previous_digest: str
    digest: str
