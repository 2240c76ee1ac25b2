"""Who gets our results: one class of settings per kind of destination.

A further kind is a class here, one more member of `Destination`, and one file in `dicom_node` that
`dicom_node.links` names.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from config.sections import AeTitle, Section, is_loopback

DEFAULT_KIND = "dimse"
# Of `ReportKind`, what a model or a person says; the others show it.
DOCUMENT_KINDS = frozenset({"AI_RESULT", "REVIEW"})
# Types of Bundle (FHIR R5, bundle-type) in which reports are written.
BundleForm = Literal["transaction", "collection"]
# HL7 v2.5.1, data type HD: our receivers know us and themselves by short names.
Hl7Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.-]{0,20}$")]
# What `dimse` was called before there were other kinds.
_FORMER_NAMES = {"dicom": DEFAULT_KIND}


class ClientTlsSettings(Section):
    """How we know a server, and how it knows us. Files are PEM."""

    ca_certificates: Path | None = None
    """Whom we trust; None: the certificate authorities of this machine."""
    verify_host_name: bool = True
    """False for certificates of the authorities above that name no host."""
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        return self


class DestinationSettings(Section):
    """What every kind of destination has."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")

    connections: int = Field(default=1, ge=1, le=16)
    """Associations, or connections, that it is given at the same time."""
    objects_per_second: float | None = Field(default=None, gt=0)
    """The most that it is sent, over all of them; None: as much as it takes."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, for administrators; without secrets."""

    @property
    def asks_for_commitment(self) -> bool:
        """Whether a delivery is finished only when it has confirmed that it keeps the object."""
        return False

    def takes(self, report_kind: str) -> bool:
        """Whether an object of this `ReportKind` is sent there; DICOM peers get every one."""
        del report_kind
        return True


class DimseDestination(DestinationSettings):
    """A PACS that takes our objects by C-STORE (PS3.4 annex B)."""

    kind: Literal["dimse"] = "dimse"
    ae_title: AeTitle
    host: str
    port: int = Field(ge=1, le=65535)
    tls: ClientTlsSettings | None = None
    storage_commitment: bool = False
    """Whether it is asked to confirm that it keeps what it took (PS3.4 annex J)."""

    @property
    def asks_for_commitment(self) -> bool:
        """As the settings say."""
        return self.storage_commitment

    @property
    def address(self) -> str:
        """Title, host and port, and whether by TLS."""
        return f"{self.ae_title} {self.host}:{self.port}{' TLS' if self.tls else ''}"


class StowDestination(DestinationSettings):
    """A server that takes our objects by DICOMweb STOW-RS (PS3.18 10.5)."""

    kind: Literal["stow"] = "stow"
    url: str = Field(pattern=r"^https?://[^\s?#@]+$")
    """Of the DICOMweb service; objects go to its ``/studies``."""
    tls: ClientTlsSettings = ClientTlsSettings()
    bearer_token_file: Path | None = None
    username: str = Field(default="", pattern=r"^[^:\x00-\x1f]*$")
    password_file: Path | None = None

    @property
    def address(self) -> str:
        """The address of the service."""
        return self.url

    @model_validator(mode="after")
    def _credentials_are_whole_and_stay_secret(self) -> Self:
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file belong together")
        if self.username and self.bearer_token_file is not None:
            raise ValueError("either bearer_token_file or username, not both")
        is_secret = bool(self.username) or self.bearer_token_file is not None
        if is_secret and not travels_in_secret(self.url):
            raise ValueError("credentials travel over https only, or to this machine")
        return self


class FhirDestination(DestinationSettings):
    """A FHIR R5 server that is told what our reports say; patients are named by identifier only."""

    kind: Literal["fhir"] = "fhir"
    url: str = Field(pattern=r"^https?://[^\s?#@]+$")
    """Of the service; Bundles are posted to it."""
    bundle: BundleForm = "transaction"
    patient_identifier_system: str = Field(default="", pattern=r"^$|^[a-z][a-z0-9+.-]*:\S+$")
    """URI of the system that the patient IDs of the received images belong to."""
    tls: ClientTlsSettings = ClientTlsSettings()
    bearer_token_file: Path | None = None

    @property
    def address(self) -> str:
        """The address of the service."""
        return self.url

    def takes(self, report_kind: str) -> bool:
        """Whether it is a document; FHIR is told what it says, not how it is drawn."""
        return report_kind in DOCUMENT_KINDS

    @model_validator(mode="after")
    def _patients_stay_secret(self) -> Self:
        if not travels_in_secret(self.url):
            raise ValueError("patients' results travel over https only, or to this machine")
        return self


class Hl7v2Destination(DestinationSettings):
    """A receiver of HL7 v2 messages by MLLP, such as an integration engine."""

    kind: Literal["hl7v2"] = "hl7v2"
    host: str
    port: int = Field(ge=1, le=65535)
    tls: ClientTlsSettings | None = None
    sending_application: Hl7Name = "HILUM"
    sending_facility: Hl7Name = ""
    receiving_application: Hl7Name = ""
    receiving_facility: Hl7Name = ""
    assigning_authority: Hl7Name = ""
    """Of patient IDs whose images do not name it (PID-3.4)."""
    processing_id: Literal["P", "T", "D"] = "P"
    character_set: Literal["UNICODE UTF-8", "8859/1", "ASCII"] = "UNICODE UTF-8"
    """HL7 table 0211."""

    @property
    def address(self) -> str:
        """Host and port, and whether by TLS."""
        return f"{self.host}:{self.port}{' TLS' if self.tls else ''}"

    def takes(self, report_kind: str) -> bool:
        """Whether it is a document; a message tells what it says, not how it is drawn."""
        return report_kind in DOCUMENT_KINDS


class WebhookDestination(DestinationSettings):
    """A web address that is told that there is a result, none, or a review; never of whom."""

    kind: Literal["webhook"] = "webhook"
    url: str = Field(pattern=r"^https?://[^\s#@]+$")
    secret_file: Path
    """Holds at least 16 bytes that sender and receiver know (HMAC-SHA256)."""
    gave_up: bool = False
    """Whether it is also told that a delivery to another destination was given up."""
    tls: ClientTlsSettings = ClientTlsSettings()

    @property
    def address(self) -> str:
        """The address without its query, which may hold a secret of the receiver."""
        return self.url.partition("?")[0]

    def takes(self, report_kind: str) -> bool:
        """Whether it is a document; each document is one thing that happened."""
        return report_kind in DOCUMENT_KINDS


Destination = Annotated[
    DimseDestination | StowDestination | FhirDestination | Hl7v2Destination | WebhookDestination,
    Field(discriminator="kind"),
]


def with_kinds(destinations: object) -> object:
    """Return the destinations of a settings file as a list in which each says its kind.

    A site writes them as ``{NAME: {kind: ...}}`` or as a list of ``{name: NAME, ...}``; without
    a kind they are `dimse`. What is neither is left for validation to name.
    """
    if isinstance(destinations, Mapping):
        destinations = [
            {"name": name, **one} if isinstance(one, Mapping) else one
            for name, one in destinations.items()
        ]
    if not isinstance(destinations, list | tuple):
        return destinations
    return [_with_kind(one) if isinstance(one, Mapping) else one for one in destinations]


def _with_kind(destination: Mapping[str, object]) -> dict[str, object]:
    kind = destination.get("kind", DEFAULT_KIND)
    return {**destination, "kind": _FORMER_NAMES.get(str(kind), kind)}


def travels_in_secret(url: str) -> bool:
    """Whether what is sent there can be read by nobody on the way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
