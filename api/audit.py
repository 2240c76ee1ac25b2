"""What is written to the audit trail, and how a route writes it."""

from enum import StrEnum
from typing import Any

from fastapi import Request

from api.auth.principal import Principal
from api.dependencies import context_of
from archive.account_records import AuditEntry


class AuditAction(StrEnum):
    """Everything that leaves a line."""

    SET_UP = "SET_UP"
    SIGN_IN = "SIGN_IN"
    SIGN_OUT = "SIGN_OUT"
    STUDY_OPENED = "STUDY_OPENED"
    STUDIES_SEARCHED = "STUDIES_SEARCHED"
    IMAGE_SHOWN = "IMAGE_SHOWN"
    HEAT_MAP_OPENED = "HEAT_MAP_OPENED"
    OBJECT_READ = "OBJECT_READ"
    OBJECT_STORED = "OBJECT_STORED"
    REVIEW = "REVIEW"
    UNDO = "UNDO"
    DEFER = "DEFER"
    REPLAY = "REPLAY"
    GIVE_UP = "GIVE_UP"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    ERRAND = "ERRAND"
    RULES_RELOADED = "RULES_RELOADED"
    EXPORT = "EXPORT"
    USER_ADDED = "USER_ADDED"
    USER_CHANGED = "USER_CHANGED"
    PASSWORD_LINK = "PASSWORD_LINK"  # noqa: S105 - a word of the audit trail
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a word of the audit trail
    SESSIONS_ENDED = "SESSIONS_ENDED"
    PREFERENCES_CHANGED = "PREFERENCES_CHANGED"
    TOKEN_ADDED = "TOKEN_ADDED"  # noqa: S105 - a word of the audit trail
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - a word of the audit trail
    AUDIT_READ = "AUDIT_READ"


def address_of(request: Request) -> str:
    """Return the network address of who asks, as the trusted proxy says where there is one."""
    return request.client.host if request.client else ""


def note(
    request: Request,
    principal: Principal | None,
    action: AuditAction,
    *,
    actor: str = "",
    outcome: str = "success",
    study_uid: str = "",
    **details: Any,
) -> None:
    """Write one line; durable on return.

    Parameters
    ----------
    request
        Tells the address.
    principal
        Who did it; None together with `actor` where nobody is signed in.
    action
        What was done.
    actor
        A login that was tried, where nobody is signed in.
    outcome
        `success` or why not.
    study_uid
        The study it was done to.
    details
        Further words without patient data.
    """
    context_of(request).archive.repository.record_audit(
        AuditEntry(
            actor=principal.name if principal else actor,
            action=action,
            outcome=outcome,
            study_uid=study_uid,
            address=address_of(request),
            details=details,
        )
    )
