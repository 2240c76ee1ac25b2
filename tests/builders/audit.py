"""Lines of the audit trail as the archive hands them to who sends them."""

from datetime import UTC, datetime
from typing import Any

from archive.account_records import AuditEntry, AuditEvent
from archive.operation_records import AuditLine
from dicom_node.audit_message import AuditSource


def a_line(action: str, *, patient_id: str = "", **entry: Any) -> AuditLine:
    return AuditLine(
        event=AuditEvent(
            event_id=1,
            at=datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC),
            entry=AuditEntry(**({"actor": "ito", "action": action} | entry)),
            previous_digest="0" * 64,
            digest="1" * 64,
        ),
        patient_id=patient_id,
    )


def a_source(*, names_patients: bool = True) -> AuditSource:
    return AuditSource(
        ae_title="HILUM",
        host="hilum.hospital.example",
        enterprise_site="Hospital General",
        names_patients=names_patients,
    )
