"""One delivery as administrators see it: the steps it has taken, and what may be done with it."""

from dataclasses import dataclass
from datetime import datetime

from archive.records import Delivery, DeliveryState, Report, StudyDetail
from archive.workflow import DELIVERY_MOVES
from dicom_node.statuses import DeliveryVerdict, delivery_verdict, words_for

_ATTEMPTED = {
    DeliveryState.READY: "tried in vain",
    DeliveryState.SENDING: "being sent",
    DeliveryState.DELIVERED: "taken by the destination",
    DeliveryState.COMMITTED: "taken by the destination",
    DeliveryState.GAVE_UP: "not taken",
}

# What an administrator should think of an answer, and do about it.
_MEANING = {
    DeliveryVerdict.DELIVERED: "The destination has it.",
    DeliveryVerdict.DELIVERED_WITH_WARNING: "The destination has it, and remarks something.",
    DeliveryVerdict.TRY_AGAIN: "It could not be taken this time; sending it again may help.",
    DeliveryVerdict.PEER_IS_FULL: (
        "The destination is full or takes nothing for now; make room there, then send again."
    ),
    DeliveryVerdict.REFUSED: (
        "The destination refuses this very object; nothing helps but a change on its side."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a delivery; the last one may lie ahead."""

    name: str
    at: datetime | None
    """None where nobody wrote down when."""
    words: str


def steps_of(delivery: Delivery) -> tuple[Step, ...]:
    """Return the steps that a delivery has taken since it was last put into the queue."""
    steps = [Step(name="queued", at=delivery.created_at, words=f"for {delivery.destination}")]
    if delivery.attempt:
        steps.append(_last_attempt(delivery))
    if delivery.state is DeliveryState.READY:
        steps.append(
            Step(name=f"attempt {delivery.attempt + 1}", at=delivery.next_attempt_at, words="due")
        )
    elif delivery.state is DeliveryState.DELIVERED:
        steps.append(Step(name="delivered", at=delivery.delivered_at, words=""))
    elif delivery.state is DeliveryState.COMMITTED:
        words = "the destination says that it keeps the object"
        steps.append(Step(name="committed", at=None, words=words))
    elif delivery.state is DeliveryState.GAVE_UP:
        steps.append(Step(name="given up", at=None, words=delivery.reason))
    return tuple(steps)


def explanation(dicom_status: int) -> str:
    """Return what the answer of a destination means for who has to do something about it."""
    return _MEANING[delivery_verdict(dicom_status)]


def may_be_replayed(delivery: Delivery) -> bool:
    """Return whether an administrator may have it sent now: what waits, and what is settled."""
    is_waiting = delivery.state is DeliveryState.READY
    is_on_its_way = delivery.state is DeliveryState.SENDING
    may_return = DeliveryState.READY in DELIVERY_MOVES[delivery.state]
    return is_waiting or (may_return and not is_on_its_way)


def may_be_given_up(delivery: Delivery) -> bool:
    """Return whether an administrator may stop trying it: only while it waits."""
    return delivery.state is DeliveryState.READY


def report_of(detail: StudyDetail, delivery: Delivery) -> Report:
    """Return the object that is delivered."""
    return next(
        report
        for report in detail.reports
        if report.key.sop_instance_uid == delivery.sop_instance_uid
    )


def _last_attempt(delivery: Delivery) -> Step:
    words = [_ATTEMPTED[delivery.state]]
    if delivery.dicom_status is not None:
        words.append(words_for(delivery.dicom_status))
    if delivery.reason and delivery.state is not DeliveryState.GAVE_UP:
        words.append(delivery.reason)
    return Step(
        name=f"attempt {delivery.attempt}", at=delivery.delivered_at, words="; ".join(words)
    )
