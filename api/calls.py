"""The log of associations as administrators look through it: filtered, page by page."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from api.cursors import cursor_after, number_of
from api.dependencies import Context
from archive.association_records import AssociationOutcome, AssociationQuery, RecordedAssociation

CALLS_ON_PAGE = 100
PATH = "/ops/associations"


class CallFilter(BaseModel):
    """Which calls are looked for; empty: any."""

    peer: str = Field(default="", max_length=64, description="Calling AE title, or address.")
    outcome: AssociationOutcome | Literal[""] = ""
    cursor: str = Field(default="", max_length=40)

    @property
    def is_any(self) -> bool:
        """Whether anything is looked for."""
        return bool(self.peer.strip() or self.outcome)

    def address(self, cursor: str = "") -> str:
        """Return where the page shows these calls."""
        given = {"peer": self.peer.strip(), "outcome": self.outcome, "cursor": cursor}
        text = urlencode({name: value for name, value in given.items() if value})
        return f"{PATH}?{text}" if text else PATH


@dataclass(frozen=True, kw_only=True)
class CallPage:
    """The calls of one page, and what follows it."""

    wanted: CallFilter
    calls: tuple[RecordedAssociation, ...]
    older: str
    """The cursor of the next page; empty on the last."""


def call_page(context: Context, wanted: CallFilter, *, limit: int = CALLS_ON_PAGE) -> CallPage:
    """Return one page of calls, the last that ended first.

    Raises
    ------
    UnknownThing
        The cursor is none of ours.
    """
    found = context.archive.repository.associations(
        AssociationQuery(peer=wanted.peer.strip(), outcome=wanted.outcome or None),
        limit=limit + 1,
        before=number_of(wanted.cursor or None),
    )
    shown = found[:limit]
    older = cursor_after(shown[-1].association_id) if len(found) > limit else ""
    return CallPage(wanted=wanted, calls=shown, older=older)
