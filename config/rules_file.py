"""Reads a rules file; whatever is wrong in it is named with file, line and key.

YAML is data here: nothing of it is evaluated. Patterns are RE2's, whose time grows with the length
of the text and with nothing else; what needs backtracking (backreferences, look-around) is refused.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import re2
import yaml
from pydicom.datadict import dictionary_VR, tag_for_keyword

from config.rules import (
    FALLBACK_NAME,
    Action,
    AttributeTest,
    Condition,
    Group,
    Operator,
    Quantifier,
    Rule,
    RuleBook,
)
from config.settings import Settings, SettingsInvalid

SHIPPED_RULES_FILE = Path(__file__).with_name("rules.yaml")
LARGEST_FILE_BYTES = 1 << 18
# Deeper nesting and more conditions than people write are a slip or a YAML bomb.
DEEPEST_NESTING = 8
MOST_CONDITIONS = 2000
LONGEST_PATTERN = 500
LONGEST_NAME = 64
PATTERN_MEMORY_BYTES = 1 << 20
PRIORITIES = {"routine": 0, "high": 1, "stat": 2}
TRUTH = ("true", "false")
_RULE_KEYS = frozenset({"name", "when", "then", "priority", "destinations"})
_FALLBACK_KEYS = frozenset({"then", "priority", "destinations"})


class RulesInvalid(SettingsInvalid):
    """A rules file cannot be used; the message names file, line and key."""


def load_rules(settings: Settings) -> RuleBook:
    """Read the rules of an installation: the site's file, or the one that ships.

    Raises
    ------
    RulesInvalid
        With file, line and key at fault.
    """
    destinations = [destination.name for destination in settings.destinations]
    return read_rules(settings.rules.file or SHIPPED_RULES_FILE, destinations)


def read_rules(file: Path, destinations: Collection[str]) -> RuleBook:
    """Read a rules file.

    Parameters
    ----------
    destinations
        Names that rules may send results to.

    Raises
    ------
    RulesInvalid
        With file, line and key at fault.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise RulesInvalid(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise RulesInvalid(f"{file}: is larger than {LARGEST_FILE_BYTES} bytes")
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RulesInvalid(f"{file}{_mark_of(error)}: is not YAML") from None
    return _Reader(file=file, destinations=frozenset(destinations)).book(root, content)


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a text contains the pattern; linear in time.

    Raises
    ------
    ValueError
        RE2 does not take the pattern.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(words) from None
    return lambda text: compiled.search(text) is not None


@dataclass
class _Reader:
    file: Path
    destinations: frozenset[str]
    condition_count: int = 0

    def book(self, root: yaml.Node | None, content: bytes) -> RuleBook:
        if root is None:
            raise RulesInvalid(f"{self.file}: is empty; it needs rules and fallback")
        parts = self._mapping(root, "", {"rules", "fallback"}, needed={"rules", "fallback"})
        rules = tuple(self._rule(node) for node in self._sequence(parts["rules"], "rules"))
        self._refuse_repeated_names(parts["rules"], rules)
        fallback = self._mapping(parts["fallback"], "fallback", _FALLBACK_KEYS, needed={"then"})
        return RuleBook(
            rules=rules,
            fallback=self._consequence(fallback, FALLBACK_NAME, when=None),
            sha256=hashlib.sha256(content).hexdigest(),
            file=str(self.file),
        )

    def _refuse_repeated_names(self, node: yaml.Node, rules: tuple[Rule, ...]) -> None:
        seen = {FALLBACK_NAME}
        for place, rule in zip(self._sequence(node, "rules"), rules, strict=True):
            if rule.name in seen:
                self._fail(place, "name", f"{rule.name!r} stands twice")
            seen.add(rule.name)

    def _rule(self, node: yaml.Node) -> Rule:
        parts = self._mapping(node, "rules", _RULE_KEYS, needed={"name", "when", "then"})
        name = self._text(parts["name"], "name")
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            self._fail(parts["name"], "name", f"has 1 to {LONGEST_NAME} printable characters")
        return self._consequence(parts, name, when=self._condition(parts["when"], "when"))

    def _consequence(
        self, parts: Mapping[str, yaml.Node], name: str, *, when: Condition | None
    ) -> Rule:
        action = Action(self._one_of(parts["then"], "then", tuple(Action)))
        for key in ("priority", "destinations"):
            if key in parts and action is Action.DISCARD:
                self._fail(parts[key], key, "says nothing of a study that is discarded")
        return Rule(
            name=name,
            action=action,
            when=when,
            priority=self._priority(parts),
            destinations=self._named_destinations(parts),
        )

    def _priority(self, parts: Mapping[str, yaml.Node]) -> int | None:
        if "priority" not in parts:
            return None
        return PRIORITIES[self._one_of(parts["priority"], "priority", tuple(PRIORITIES))]

    def _named_destinations(self, parts: Mapping[str, yaml.Node]) -> tuple[str, ...] | None:
        if "destinations" not in parts:
            return None
        names = []
        for node in self._sequence(parts["destinations"], "destinations"):
            names.append(self._text(node, "destinations"))
            if names[-1] not in self.destinations:
                self._fail(node, "destinations", f"the settings have no {names[-1]!r}")
        return tuple(dict.fromkeys(names))

    def _condition(self, node: yaml.Node, key: str, depth: int = 1) -> Condition:
        self.condition_count += 1
        if depth > DEEPEST_NESTING or self.condition_count > MOST_CONDITIONS:
            self._fail(node, key, "conditions are too many or nested too deeply")
        parts = self._mapping(node, key, {"keyword", *Operator, *Quantifier}, needed=set())
        if "keyword" in parts:
            return self._test(node, parts)
        if len(parts) != 1 or next(iter(parts)) not in set(Quantifier):
            self._fail(node, key, "a condition has a keyword, or one of all, any, not")
        name, inner = next(iter(parts.items()))
        nodes = [inner] if name == Quantifier.NOT else self._sequence(inner, name)
        if not nodes:
            self._fail(inner, name, "has no conditions")
        return Group(
            quantifier=Quantifier(name),
            conditions=tuple(self._condition(one, name, depth + 1) for one in nodes),
        )

    def _test(self, node: yaml.Node, parts: Mapping[str, yaml.Node]) -> AttributeTest:
        path = self._path(parts["keyword"])
        looks = [name for name in parts if name in set(Operator)]
        if len(looks) != 1 or len(parts) != len(looks) + 1:
            self._fail(node, "keyword", f"needs one of {', '.join(Operator)}")
        operator = Operator(looks[0])
        inner = parts[operator]
        if operator is Operator.RANGE:
            low, high = self._range(inner)
            return AttributeTest(path=path, operator=operator, low=low, high=high)
        return AttributeTest(path=path, operator=operator, texts=self._texts(operator, inner))

    def _texts(self, operator: Operator, node: yaml.Node) -> tuple[str, ...]:
        if operator is Operator.IN:
            texts = tuple(self._text(one, operator) for one in self._sequence(node, operator))
            if not texts:
                self._fail(node, operator, "is empty")
            return texts
        if operator is Operator.PRESENT:
            return (self._one_of(node, operator, TRUTH),)
        text = self._text(node, operator)
        if operator is Operator.REGEX:
            self._check_pattern(node, text)
        return (text,)

    def _check_pattern(self, node: yaml.Node, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            self._fail(node, "regex", f"is longer than {LONGEST_PATTERN} characters")
        try:
            compile_pattern(pattern)
        except ValueError as error:
            self._fail(node, "regex", f"is no pattern of RE2: {error}")

    def _range(self, node: yaml.Node) -> tuple[float, float]:
        parts = self._mapping(node, "range", {"min", "max"}, needed=set())
        if not parts:
            self._fail(node, "range", "needs min, max or both")
        low = self._number(parts["min"], "min") if "min" in parts else float("-inf")
        high = self._number(parts["max"], "max") if "max" in parts else float("inf")
        if low > high:
            self._fail(node, "range", "min is larger than max")
        return low, high

    def _number(self, node: yaml.Node, key: str) -> float:
        try:
            number = float(self._text(node, key))
        except ValueError:
            self._fail(node, key, "is no number")
        if number != number:
            self._fail(node, key, "is no number")
        return number

    def _path(self, node: yaml.Node) -> tuple[str, ...]:
        path = tuple(self._text(node, "keyword").split("."))
        for keyword in path:
            if tag_for_keyword(keyword) is None:
                self._fail(node, "keyword", f"{keyword!r} is no keyword of DICOM (PS3.6)")
        for keyword in path[:-1]:
            if dictionary_VR(keyword) != "SQ":
                self._fail(node, "keyword", f"{keyword} is no sequence")
        return path

    def _one_of(self, node: yaml.Node, key: str, known: Collection[str]) -> str:
        text = self._text(node, key)
        if text not in known:
            self._fail(node, key, f"{text!r} is none of {', '.join(known)}")
        return text

    def _text(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, key, "is no single value")
        return str(node.value).strip()

    def _sequence(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self._fail(node, key, "is no list")
        return list(node.value)

    def _mapping(
        self, node: yaml.Node, key: str, known: Collection[str], *, needed: Collection[str]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, key or "file", "holds no keys")
        parts: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            name = self._text(key_node, key or "file")
            if name not in known:
                self._fail(key_node, name, "unknown key")
            if name in parts:
                self._fail(key_node, name, "stands twice")
            parts[name] = value
        for name in sorted(needed):
            if name not in parts:
                self._fail(node, name, "is missing")
        return parts

    def _fail(self, node: yaml.Node, key: str, words: str) -> NoReturn:
        raise RulesInvalid(f"{self.file}:{node.start_mark.line + 1}: {key}: {words}")


def _mark_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f":{mark.line + 1}"
