"""The hospital's audit server, which gets each line of our audit trail by syslog."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from config.destinations import ClientTlsSettings
from config.sections import Section, is_loopback, structured


class SyslogSettings(Section):
    """Where it is, and what it is told (PS3.15 A.6, A.7)."""

    host: str
    """Empty: the trail is sent nowhere."""
    port: int = Field(ge=1, le=65535)
    transport: Literal["tls", "tcp", "udp"]
    """RFC 5425, RFC 6587 with octet counting, RFC 5426."""
    tls: ClientTlsSettings
    patient_ids: bool
    """Whether the patient ID stands beside the study, as PS3.15 A.5.3 wants it."""
    enterprise_site: str = Field(max_length=64)
    """AuditEnterpriseSiteID; empty: not stated."""

    _mapping = field_validator("tls", mode="before")(structured)

    @property
    def is_on(self) -> bool:
        """Whether the trail is sent."""
        return bool(self.host)

    @property
    def address(self) -> str:
        """Host, port and transport, for administrators."""
        return f"{self.host}:{self.port} {self.transport.upper()}"

    @model_validator(mode="after")
    def _patients_stay_secret(self) -> Self:
        is_secret = self.transport == "tls" or is_loopback(self.host)
        if self.is_on and self.patient_ids and not is_secret:
            raise ValueError(
                "patients' IDs travel over tls only, or to this machine: "
                "transport: tls, or patient_ids: false"
            )
        return self
