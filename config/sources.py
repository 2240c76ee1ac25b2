"""Archives that we may ask for studies: for priors of what is read, and for `hilum pull`."""

from typing import Literal

from pydantic import Field

from config.destinations import ClientTlsSettings
from config.sections import AeTitle, Section


class SourceSettings(Section):
    """One archive that answers C-FIND and C-GET or C-MOVE (PS3.4 annex C)."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    ae_title: AeTitle
    host: str
    port: int = Field(ge=1, le=65535)
    tls: ClientTlsSettings | None = None
    retrieve: Literal["get", "move"] = "get"
    """`move` has it send to `node.ae_title`: it must know us, and stand among `peers`."""
    priors: int = Field(default=0, ge=0, le=10)
    """So many earlier chest radiographs are fetched for each new study; 0: none."""
    issuer_of_patient_id: str = Field(default="", max_length=64)
    """Who issues the patient IDs that name no issuer (0010,0021), here and there."""
    timeout_seconds: float = Field(default=60.0, gt=0)
