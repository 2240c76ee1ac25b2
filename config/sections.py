"""What the sections of the settings have in common: frozen, closed, how titles and hosts look."""

import re
from ipaddress import ip_address
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict

# PS3.5 section 6.2, VR AE: at most 16 characters of the default repertoire, no backslash, no
# control characters, not only spaces.
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")


def _checked_ae_title(value: str) -> str:
    if not _AE_TITLE.fullmatch(value) or not value.strip():
        raise ValueError(
            "an AE title has 1 to 16 characters, no backslash, and is not blank (PS3.5 6.2)"
        )
    return value.strip()


AeTitle = Annotated[str, AfterValidator(_checked_ae_title)]


class Section(BaseModel):
    """A part of the settings; an unknown key in it stops start-up."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def structured(value: object) -> object:
    """Return what `{key: ...}` says, as the environment gives a mapping; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
