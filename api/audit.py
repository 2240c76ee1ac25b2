"""What is written to the audit trail, and how a route writes it."""

from typing import Any

from fastapi import Request

from api.auth.principal import Principal
from api.dependencies import context_of
from archive.account_records import AuditAction, AuditEntry

__all__ = ["AuditAction", "address_of", "note"]


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
