"""Typed, frozen settings: defaults.yaml < site file < secret files < environment.

The only place that reads YAML settings and the environment. An unknown section or key anywhere,
or a value out of range, stops start-up with the name of the file (or variable) and the key.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from config.destinations import Destination, with_kinds
from config.sections import AeTitle, is_loopback, structured
from config.sections import Section as _Section
from config.sources import SourceSettings
from config.syslog import SyslogSettings

DEFAULTS_FILE = Path(__file__).with_name("defaults.yaml")
ENVIRONMENT_PREFIX = "HILUM_"
KEY_SEPARATOR = "__"
# Variables that share the prefix and are no settings.
OTHER_VARIABLES = frozenset({"HILUM_TEST_DATA"})

# PS3.5 section 6.2, VR SH and LO: no backslash, no control characters, no more than they hold.
_CODE = r"^[^\\\x00-\x1f\x7f]{1,16}$"
_LONG_STRING = r"^[^\\\x00-\x1f\x7f]{1,64}$"


class SettingsInvalid(Exception):
    """A settings file or variable cannot be used; the message names it and the key."""


def _listed(value: object) -> object:
    """Return the parts of `a, b` as the environment gives a list; anything else as it is."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


class ServerTlsSettings(_Section):
    """How the DICOM port is protected. Files are PEM; renewed ones are taken while it runs."""

    certificate: Path
    key: Path
    client_certificate: Literal["ignored", "optional", "required"] = "ignored"
    client_ca_certificates: Path | None = None
    """Who signs the certificates of peers."""

    @model_validator(mode="after")
    def _clients_are_judged_by_an_authority(self) -> Self:
        if (self.client_certificate == "ignored") != (self.client_ca_certificates is None):
            raise ValueError(
                "client_certificate optional or required, and client_ca_certificates, "
                "belong together"
            )
        return self


class NodeSettings(_Section):
    """The DICOM listener."""

    ae_title: AeTitle
    further_ae_titles: tuple[AeTitle, ...]
    host: str
    port: int = Field(ge=1, le=65535)
    accept_unknown_peers: bool
    quiet_period_seconds: float = Field(ge=0)
    study_cap_seconds: float = Field(gt=0)
    minimum_free_bytes: int = Field(ge=0)
    maximum_associations: int = Field(ge=1)
    maximum_pdu_bytes: int = Field(ge=4096, le=1 << 20)
    network_timeout_seconds: float = Field(gt=0)
    associations_kept: int = Field(ge=100)
    tls: ServerTlsSettings | None


class PeerSettings(_Section):
    """One system that may open associations to us."""

    ae_title: AeTitle
    host: str


class ArchiveSettings(_Section):
    """Where bytes and rows live."""

    root: Path
    database_url: str
    retention_days: int = Field(ge=0, default=0)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
            raise ValueError("only sqlite:/// and postgresql:// are supported")
        return value


class WorkerSettings(_Section):
    """The process that turns studies into results."""

    batch_size: int = Field(ge=1, le=256)
    poll_seconds: float = Field(gt=0)
    lease_seconds: float = Field(ge=1)
    maximum_attempts: int = Field(ge=1)
    longest_work_seconds: float = Field(ge=1)
    threads: int = Field(ge=0)


class DeliverySettings(_Section):
    """The process that sends results."""

    poll_seconds: float = Field(gt=0)
    lease_seconds: float = Field(ge=1)
    batch_size: int = Field(ge=1)
    first_retry_seconds: float = Field(gt=0)
    longest_retry_seconds: float = Field(gt=0)
    give_up_after_seconds: float = Field(gt=0)
    timeout_seconds: float = Field(gt=0)
    commitment_timeout_seconds: float = Field(gt=0)
    commitment_attempts: int = Field(ge=1)


class ApiSettings(_Section):
    """The web server."""

    host: str
    port: int = Field(ge=1, le=65535)
    maximum_upload_bytes: int = Field(ge=1024)
    predict_timeout_seconds: float = Field(gt=0)
    public_url: str = Field(pattern=r"^(https?://[^/\s]+)?$")
    tls_certificate: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[str, ...]
    viewer_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")], ...]
    session_idle_minutes: float = Field(gt=0)
    session_longest_hours: float = Field(gt=0)

    _addresses = field_validator("trusted_proxies", "viewer_origins", mode="before")(_listed)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    "a trusted proxy is named by its address, such as 10.0.0.7 or 10.0.0.0/28"
                ) from None
        return proxies

    @model_validator(mode="after")
    def _other_machines_need_tls_or_a_proxy(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        is_protected = self.tls_certificate is not None or bool(self.trusted_proxies)
        if not (is_loopback(self.host) or is_protected):
            raise ValueError(
                "other machines are served over TLS (tls_certificate, tls_key) or through a "
                "named proxy (trusted_proxies)"
            )
        return self


class RulesSettings(_Section):
    """Which studies are analysed, and where their results go."""

    file: Path | None


class OidcSettings(_Section):
    """Sign-in through the hospital's OpenID provider."""

    issuer: str = Field(pattern=r"^(https?://[^\s?#]+)?$")
    client_id: str
    client_secret_file: Path | None
    ca_certificate: Path | None
    scopes: tuple[str, ...]
    roles_claim: str = Field(min_length=1)
    roles: dict[Literal["radiologist", "admin", "ml"], tuple[str, ...]]
    button: str = Field(min_length=1, max_length=60)

    _scopes = field_validator("scopes", mode="before")(_listed)

    @property
    def is_on(self) -> bool:
        """Whether people may sign in so."""
        return bool(self.issuer)

    @model_validator(mode="after")
    def _a_provider_is_whole(self) -> Self:
        if not self.is_on:
            return self
        host = urlsplit(self.issuer).hostname or ""
        if not (self.issuer.startswith("https://") or is_loopback(host)):
            raise ValueError("the provider is asked over https")
        if not self.client_id:
            raise ValueError("a provider needs a client_id")
        if "openid" not in self.scopes:
            raise ValueError("scopes hold openid (OpenID Connect Core 3.1.2.1)")
        if not any(self.roles.values()):
            raise ValueError("without roles nobody could sign in: map at least one")
        return self


class ReviewSettings(_Section):
    """How radiologists read here."""

    undo_seconds: float = Field(ge=0, le=600)
    waiting_cap_minutes: float = Field(gt=0)
    minimum_view_milliseconds: int = Field(ge=0, le=60_000)
    reading_lease_seconds: float = Field(ge=10)
    blind_first: bool
    heat_map: bool
    viewer_link: str


class ProcedureCodeSettings(_Section):
    """The code that the hospital's orders give to a chest radiograph (PS3.3 Table 8.8-1)."""

    value: str = Field(pattern=_CODE)
    scheme: str = Field(pattern=_CODE)
    meaning: str = Field(pattern=_LONG_STRING)


class ReportSettings(_Section):
    """What our reports say, and which objects come with them."""

    language: Literal["en-US", "es-ES"]
    institution_name: str = Field(pattern=rf"^$|{_LONG_STRING}")
    procedure_code: ProcedureCodeSettings | None
    heat_map: bool
    segmentation: bool
    presentation_state: bool
    rejection_note: bool

    _mapping = field_validator("procedure_code", mode="before")(structured)


class ModelSettings(_Section):
    """Which bundle is served, and on what."""

    bundle: str = Field(min_length=1)
    installed: Path | None
    device: str = Field(pattern=r"^(cpu|cuda(:\d+)?)$")
    engine: Literal["auto", "pytorch"]
    precision: Literal["auto", "float32"]


class LogSettings(_Section):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    format: Literal["text", "json"]


class Settings(_Section):
    """All settings of one installation."""

    node: NodeSettings
    peers: tuple[PeerSettings, ...]
    destinations: tuple[Destination, ...]
    archive: ArchiveSettings
    worker: WorkerSettings
    delivery: DeliverySettings
    sources: tuple[SourceSettings, ...]
    rules: RulesSettings
    api: ApiSettings
    oidc: OidcSettings
    review: ReviewSettings
    report: ReportSettings
    model: ModelSettings
    syslog: SyslogSettings
    logs: LogSettings

    _kinds = field_validator("destinations", mode="before")(with_kinds)

    @property
    def installed_bundles(self) -> Path:
        """The folder of the model bundles that were installed beside those that ship."""
        return self.model.installed or self.archive.root / "models"

    @model_validator(mode="after")
    def _destinations_and_sources_have_names_of_their_own(self) -> Self:
        for section, ends in (("destinations", self.destinations), ("sources", self.sources)):
            names = [end.name for end in ends]
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{section}: the name {repeated[0]!r} stands twice")
        return self


def load_settings(site_file: Path | None = None, *, secrets_folder: Path | None = None) -> Settings:
    """Read the settings of this installation.

    Parameters
    ----------
    site_file
        The site's YAML file; may be absent.
    secrets_folder
        A folder with one file per secret value, named ``<section>__<key>`` (as container engines
        mount them).

    Raises
    ------
    SettingsInvalid
        With the file (or variable) and key at fault.
    """
    sources = [(str(DEFAULTS_FILE.name), _read_yaml(DEFAULTS_FILE))]
    if site_file is not None:
        sources.append((str(site_file), _read_yaml(site_file)))
    if secrets_folder is not None:
        sources.append((str(secrets_folder), _read_secrets(secrets_folder)))
    sources.append(("environment", _read_environment()))
    merged: dict[str, Any] = {}
    origin: dict[tuple[str, ...], str] = {}
    for name, content in sources:
        _merge(merged, content, origin, name)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsInvalid(_in_words(error, origin)) from None


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{file}: is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsInvalid(f"{file}: a settings file holds sections, such as 'node:'")
    return content


def _read_secrets(folder: Path) -> dict[str, Any]:
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
        values = {file.name: file.read_text(encoding="utf-8").strip() for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{folder}: secrets cannot be read: {error}") from None
    return _nested(values)


def _read_environment() -> dict[str, Any]:
    values = {}
    for name, value in os.environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in OTHER_VARIABLES:
            continue
        values[name.removeprefix(ENVIRONMENT_PREFIX).lower()] = value
    return _nested(values)


def _nested(values: dict[str, str]) -> dict[str, Any]:
    """``{"node__port": "104"}`` as ``{"node": {"port": 104}}``; lists are YAML flow text."""
    content: dict[str, Any] = {}
    for name, value in values.items():
        section, separator, key = name.partition(KEY_SEPARATOR)
        if not separator:
            # A whole section at once: only lists (peers, destinations) make sense here; anything
            # else is left as it is, and validation names it.
            content[section] = yaml.safe_load(value)
            continue
        content.setdefault(section, {})[key] = value
    return content


def _merge(
    merged: dict[str, Any], content: dict[str, Any], origin: dict[tuple[str, ...], str], name: str
) -> None:
    for section, value in content.items():
        origin[(str(section),)] = name
        if isinstance(value, dict) and isinstance(merged.get(section), dict):
            merged[section] = {**merged[section], **value}
        else:
            merged[section] = value
        if isinstance(value, dict):
            for key in value:
                origin[(str(section), str(key))] = name


def _place(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys that lead to a problem; pydantic also names the kind of a destination."""
    if location[:1] == ("destinations",):
        location = (*location[:2], *location[3:])
    return tuple(str(part) for part in location)


def _in_words(error: ValidationError, origin: dict[tuple[str, ...], str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        place = _place(problem["loc"])
        source = origin.get(place[:2]) or origin.get(place[:1]) or DEFAULTS_FILE.name
        what = {
            "extra_forbidden": "unknown key",
            "missing": "is missing",
        }.get(problem["type"], problem["msg"])
        lines.append(f"{source}: {'.'.join(place) or 'settings'}: {what}")
    return "\n".join(lines)
