"""The JSON of the log of associations."""

from dataclasses import asdict
from datetime import datetime

from pydantic import Field

from api.schemas import ApiModel
from archive.association_records import AssociationOutcome, RecordedAssociation


class AssociationBody(ApiModel):
    """A call at the DICOM port that is over."""

    association_id: int
    began_at: datetime
    seconds: float = Field(ge=0)
    calling_ae_title: str = Field(
        description="Empty where nobody asked for an association, or several are counted together."
    )
    called_ae_title: str
    address: str
    is_tls: bool
    outcome: AssociationOutcome
    words: str = Field(
        description="Why it was rejected or aborted.",
        examples=["called AE title not recognised (result 1, source 1, reason 7)"],
    )
    stored: int = Field(ge=0, description="Objects answered with success, repeats among them.")
    refused: int = Field(ge=0)
    byte_count: int = Field(ge=0, description="Of the objects that were stored.")
    count: int = Field(ge=1, description="So many calls that were turned away alike.")


class AssociationList(ApiModel):
    """Calls, the last that ended first; the next page is in the Link header and `next_cursor`."""

    associations: list[AssociationBody]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


def association_body(line: RecordedAssociation) -> AssociationBody:
    """Return the JSON of one call."""
    return AssociationBody(**asdict(line))
