"""What a site says about studies: which are analysed, how soon, and where results go.

Records only: `rules_file.py` reads them from YAML, `dicom_node/rules.py` holds them against images.
"""

from dataclasses import dataclass
from enum import StrEnum

FALLBACK_NAME = "fallback"


class Action(StrEnum):
    """What becomes of a study."""

    ANALYSE = "analyse"
    DISCARD = "discard"
    """Its objects stay stored and it stays listed; no model sees it, no result is sent."""


class Operator(StrEnum):
    """How an attribute is looked at; each is a key of a condition."""

    EQUALS = "equals"
    IN = "in"
    REGEX = "regex"
    RANGE = "range"
    PRESENT = "present"


class Quantifier(StrEnum):
    """How conditions are put together; each is a key of a condition."""

    ALL = "all"
    ANY = "any"
    NOT = "not"


@dataclass(frozen=True, kw_only=True)
class AttributeTest:
    """One look at one attribute; of an attribute with several values, one has to fit."""

    path: tuple[str, ...]
    """Keywords of PS3.6, the last one meant, those before it the sequences around it."""
    operator: Operator
    texts: tuple[str, ...] = ()
    """What it may equal; the pattern of `regex`; `true` or `false` of `present`."""
    low: float = float("-inf")
    high: float = float("inf")
    """Of `range`, both included."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Conditions of which all, one or none has to hold."""

    quantifier: Quantifier
    conditions: tuple["Condition", ...]


Condition = AttributeTest | Group


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule; the fallback is a rule without conditions."""

    name: str
    action: Action
    when: Condition | None = None
    priority: int | None = None
    """0 routine, 1 high, 2 STAT; None leaves it to the images. It is never lowered."""
    destinations: tuple[str, ...] | None = None
    """Names of the settings; None for all."""


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """All rules of an installation, in the order in which they are tried."""

    rules: tuple[Rule, ...]
    fallback: Rule
    sha256: str
    """Of the file's bytes; recorded with every decision."""
    file: str

    @property
    def keywords(self) -> frozenset[str]:
        """First keywords of all paths: the elements that have to be read of an image."""
        found: set[str] = set()
        waiting: list[Condition] = [rule.when for rule in self.rules if rule.when is not None]
        while waiting:
            condition = waiting.pop()
            if isinstance(condition, Group):
                waiting.extend(condition.conditions)
            else:
                found.add(condition.path[0])
        return frozenset(found)
