"""What a radiologist decides on an AI result; plain records."""

from dataclasses import dataclass
from enum import StrEnum

from archive.records import Presence


class ReviewDecision(StrEnum):
    """What became of the machine's statement."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CORRECTED = "CORRECTED"
    UNREADABLE = "UNREADABLE"
    """The images cannot be judged by the person either."""
    WITHDRAWN = "WITHDRAWN"
    """The result is of another patient, or of a faulty run; the person judged no images."""


class Withdrawal(StrEnum):
    """Why objects of ours should never have been; a medical opinion is no such reason."""

    WRONG_PATIENT = "WRONG_PATIENT"
    """Or the wrong study: shown where they are, they endanger somebody."""
    FAULTY_RUN = "FAULTY_RUN"
    """The analysis went wrong: what they show has no meaning."""


class DecisionInvalid(ValueError):
    """The decision does not fit the result, or does not name who made it; nothing is written."""


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """The logged-in person, from the session; never from what a client sent."""

    name: str
    """Person name as PN writes it: family^given^^prefix."""
    login: str
    organization: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision on one result."""

    decision: ReviewDecision
    reviewer: Reviewer
    review_id: str
    """Of this decision; a repeat with it makes the same object, another one another."""
    presence: Presence | None = None
    """What the person says, where the decision is CORRECTED."""
    withdrawal: Withdrawal | None = None
    """Why, where the decision is WITHDRAWN."""
    comment: str = ""


_OPPOSITE = {Presence.PRESENT: Presence.ABSENT, Presence.ABSENT: Presence.PRESENT}


def presence_decided(decision: Decision, by_machine: Presence | None) -> Presence:
    """Say what stands after the decision.

    Parameters
    ----------
    by_machine
        None where the machine said nothing, because the study was not analysed.

    Raises
    ------
    DecisionInvalid
        A correction without a value or with the machine's own, a value without a correction, or a
        decision on a result that there is not, or that has no opposite.
    """
    if decision.decision is ReviewDecision.CORRECTED:
        if decision.presence is None or decision.presence is by_machine:
            raise DecisionInvalid("a correction says something else than the AI result")
        return decision.presence
    if decision.presence is not None:
        raise DecisionInvalid("only a correction has a value of its own")
    if decision.decision is ReviewDecision.UNREADABLE:
        return Presence.UNDETERMINED
    if by_machine is None:
        raise DecisionInvalid("there is no result to decide on")
    if decision.decision is ReviewDecision.WITHDRAWN:
        return Presence.UNDETERMINED
    if decision.decision is ReviewDecision.ACCEPTED:
        return by_machine
    if by_machine not in _OPPOSITE:
        raise DecisionInvalid("an undetermined result is corrected, not rejected")
    return _OPPOSITE[by_machine]


def check_reviewer(reviewer: Reviewer) -> None:
    """Do nothing if a person is named with login and organization.

    Raises
    ------
    DecisionInvalid
        Something of it is missing; nothing becomes VERIFIED without a person.
    """
    if not all(part.strip(" ^") for part in (reviewer.name, reviewer.login, reviewer.organization)):
        raise DecisionInvalid("a review names who made it, by name, login and organization")
