"""What failed on its way out, as `/ops` shows it: filtered, page by page, and sent again.

The filter stands in the page's address. It names destinations, states and words of reasons, none of
which says anything of a patient.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from api.cursors import LARGEST_NUMBER, cursor_after, number_of
from api.dependencies import Context
from api.operation import MOST_AT_ONCE
from archive.operation_records import FailureQuery
from archive.records import Delivery, DeliveryState

FAILURES_ON_PAGE = 50


class FailureFilter(BaseModel):
    """Which failures are looked for; empty: any."""

    destination: str = Field(default="", max_length=64)
    state: Literal[DeliveryState.GAVE_UP, DeliveryState.READY, ""] = ""
    words: str = Field(default="", max_length=64)

    @property
    def is_any(self) -> bool:
        """Whether anything is looked for."""
        return any((self.destination, self.state, self.words.strip()))

    @property
    def query(self) -> FailureQuery:
        """What the archive is asked for."""
        return FailureQuery(
            destination=self.destination, state=self.state or None, words=self.words
        )

    def address(self, cursor: str = "") -> str:
        """Return where the page shows these failures."""
        given = {
            "destination": self.destination,
            "state": self.state,
            "words": self.words.strip(),
            "cursor": cursor,
        }
        text = urlencode({name: value for name, value in given.items() if value})
        return f"/ops?{text}#failures" if text else "/ops"


class FailurePlace(FailureFilter):
    """One page of them."""

    cursor: str = Field(default="", max_length=40)


class ReplayForm(FailureFilter):
    """What is sent again: chosen deliveries, or all given up that the filter shows."""

    delivery_id: list[Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]] = Field(
        default_factory=list, max_length=FAILURES_ON_PAGE
    )
    everything: str = Field(default="", max_length=8)


@dataclass(frozen=True, kw_only=True)
class FailurePage:
    """The failures of one page, and what follows it."""

    wanted: FailurePlace
    destinations: tuple[str, ...]
    """That have ever been sent anything."""
    deliveries: tuple[Delivery, ...]
    given_up: int
    """So many would be sent again at once, those of other pages included."""
    older: str
    """The address of the next page; empty on the last."""


def failure_page(context: Context, wanted: FailurePlace) -> FailurePage:
    """Return one page of failures, the newest first.

    Raises
    ------
    UnknownThing
        The cursor is none of ours.
    """
    repository = context.archive.repository
    found = repository.failures(
        wanted.query, limit=FAILURES_ON_PAGE + 1, before=number_of(wanted.cursor or None)
    )
    shown = found[:FAILURES_ON_PAGE]
    has_more = len(found) > FAILURES_ON_PAGE
    return FailurePage(
        wanted=wanted,
        destinations=tuple(sorted({name for name, _ in repository.delivery_counts()})),
        deliveries=shown,
        given_up=len(repository.given_up(wanted.query, limit=MOST_AT_ONCE)),
        older=wanted.address(cursor_after(shown[-1].delivery_id)) if has_more else "",
    )


def replay_failures(context: Context, form: ReplayForm) -> int:
    """Send what the form names again; returns how many."""
    repository = context.archive.repository
    numbers = (
        repository.given_up(form.query, limit=MOST_AT_ONCE)
        if form.everything
        else tuple(form.delivery_id)
    )
    return repository.replay_deliveries(numbers)
