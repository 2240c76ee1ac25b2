"""Holds the rules of a site against the images of a study. Pure: no files, no archive.

A rule that analyses matches a study as soon as one of its images fits; a rule that discards only
when every image does, so that no image is passed over because of another beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from archive.records import RuleDecision
from config.rules import (
    Action,
    AttributeTest,
    Condition,
    Group,
    Operator,
    Quantifier,
    Rule,
    RuleBook,
)
from config.rules_file import compile_pattern
from dicom_node.intake import read_checked

# A longer value is cut before a pattern looks at it.
LONGEST_VALUE = 4096
_WEEKS_PER_YEAR, _DAYS_PER_YEAR, _MONTHS_PER_YEAR = 52.18, 365.25, 12


@dataclass(frozen=True, kw_only=True)
class RuledImage:
    """What rules may look at of one image."""

    header: Dataset | None
    """None where it cannot be read; no rule matches such an image."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Elements of the file meta group by keyword, such as who sent it (PS3.10 7.1)."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of one rule."""

    rule: Rule
    is_match: bool
    why: str
    """In words; may hold values of the image, so it is for terminals and never for logs."""


def decide(book: RuleBook, images: Sequence[RuledImage]) -> RuleDecision:
    """Return what the first matching rule says of a study, or the fallback."""
    for rule in book.rules:
        if _try(rule, images).is_match:
            return _decision(book, rule)
    return _decision(book, book.fallback)


def explain(book: RuleBook, images: Sequence[RuledImage]) -> tuple[Trial, ...]:
    """Return what came of every rule up to the one that decides, the fallback included."""
    trials = []
    for rule in book.rules:
        trials.append(_try(rule, images))
        if trials[-1].is_match:
            return tuple(trials)
    trials.append(Trial(rule=book.fallback, is_match=True, why="no rule before it matches"))
    return tuple(trials)


def _decision(book: RuleBook, rule: Rule) -> RuleDecision:
    is_analysed = rule.action is Action.ANALYSE
    return RuleDecision(
        rule=rule.name,
        rules_sha256=book.sha256,
        is_analysed=is_analysed,
        reason="" if is_analysed else f"discarded by rule {rule.name}",
        priority=rule.priority or 0,
        destinations=rule.destinations,
    )


def _try(rule: Rule, images: Sequence[RuledImage]) -> Trial:
    if not images or rule.when is None:
        return Trial(rule=rule, is_match=False, why="the study has no images")
    why = ""
    for image in images:
        fits, why = _holds(rule.when, image)
        if fits is (rule.action is Action.ANALYSE):
            # One image settles it: one that fits is enough to analyse, one that does not fit
            # keeps a study from being discarded.
            return Trial(rule=rule, is_match=fits, why=why)
    return Trial(rule=rule, is_match=rule.action is Action.DISCARD, why=why)


def _holds(condition: Condition, image: RuledImage) -> tuple[bool, str]:
    if image.header is None:
        return False, "the image cannot be read"
    if isinstance(condition, AttributeTest):
        return _test(condition, image)
    return _GROUPS[condition.quantifier](condition, image)


def _all(group: Group, image: RuledImage) -> tuple[bool, str]:
    reasons = []
    for condition in group.conditions:
        holds, why = _holds(condition, image)
        if not holds:
            return False, why
        reasons.append(why)
    return True, "; ".join(reasons)


def _any(group: Group, image: RuledImage) -> tuple[bool, str]:
    reasons = []
    for condition in group.conditions:
        holds, why = _holds(condition, image)
        if holds:
            return True, why
        reasons.append(why)
    return False, "; ".join(reasons)


def _not(group: Group, image: RuledImage) -> tuple[bool, str]:
    holds, why = _holds(group.conditions[0], image)
    return not holds, f"not: {why}"


_GROUPS: dict[Quantifier, Callable[[Group, RuledImage], tuple[bool, str]]] = {
    Quantifier.ALL: _all,
    Quantifier.ANY: _any,
    Quantifier.NOT: _not,
}


def _test(test: AttributeTest, image: RuledImage) -> tuple[bool, str]:
    values = values_at(image, test.path)
    fits = _OPERATORS[test.operator](test, values)
    shown = ", ".join(repr(value[:64]) for value in values) or "absent"
    return fits, f"{'.'.join(test.path)} is {shown}, {_wanted(test)}"


def _wanted(test: AttributeTest) -> str:
    if test.operator is Operator.RANGE:
        return f"wanted {test.low:g} to {test.high:g}"
    return f"wanted {test.operator} {', '.join(test.texts)}"


def _has_listed(test: AttributeTest, values: Sequence[str]) -> bool:
    return any(value in test.texts for value in values)


def _has_pattern(test: AttributeTest, values: Sequence[str]) -> bool:
    matches = compile_pattern(test.texts[0])
    return any(matches(value[:LONGEST_VALUE]) for value in values)


def _has_number(test: AttributeTest, values: Sequence[str]) -> bool:
    numbers = (as_number(value) for value in values)
    return any(number is not None and test.low <= number <= test.high for number in numbers)


def _is_present(test: AttributeTest, values: Sequence[str]) -> bool:
    return any(values) is (test.texts[0] == "true")


_OPERATORS: dict[Operator, Callable[[AttributeTest, Sequence[str]], bool]] = {
    Operator.EQUALS: _has_listed,
    Operator.IN: _has_listed,
    Operator.REGEX: _has_pattern,
    Operator.RANGE: _has_number,
    Operator.PRESENT: _is_present,
}


def as_number(value: str) -> float | None:
    """Return a value as a number: ages in years (PS3.5 6.2, AS), dates as YYYYMMDD."""
    units = {"Y": 1.0, "M": _MONTHS_PER_YEAR, "W": _WEEKS_PER_YEAR, "D": _DAYS_PER_YEAR}
    digits, unit = value[:-1], value[-1:].upper()
    try:
        return int(digits) / units[unit] if unit in units else float(value)
    except ValueError:
        return None


def values_at(image: RuledImage, path: Sequence[str]) -> tuple[str, ...]:
    """Return the values of an attribute as text, from every item of the sequences on the way."""
    if len(path) == 1 and path[0] in image.meta:
        return (image.meta[path[0]],)
    places = [image.header] if image.header is not None else []
    for keyword in path[:-1]:
        places = [item for place in places for item in _items(place, keyword)]
    found = (text for place in places for text in _texts(place, path[-1]))
    return tuple(text for text in found if text)


def _items(place: Dataset, keyword: str) -> list[Dataset]:
    element = _element(place, keyword)
    is_sequence = element is not None and element.VR == "SQ"
    return list(element.value or ()) if element is not None and is_sequence else []


def _texts(place: Dataset, keyword: str) -> Iterable[str]:
    element = _element(place, keyword)
    if element is None or element.value is None or element.VR == "SQ":
        # A sequence with items is present; it has no text.
        return ["items"] if element is not None and element.VR == "SQ" and element.value else []
    value = element.value
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    return [str(one).strip(" \0") for one in values]


def _element(place: Dataset, keyword: str) -> DataElement | None:
    """Return an element; a malformed one counts as absent."""
    try:
        return read_checked(lambda: place[keyword])
    except ValueError:
        return None
