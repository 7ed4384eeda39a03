"""Which goals a playbook is for: patterns such as `how long is the guarantee of {model}`, and examples.

A pattern is words with names in braces between them, no regular expression: whoever writes one cannot make a
goal that takes for ever to match, and what stands for a name is what a reader takes for it. Capitals,
accents, the punctuation around the goal and how many spaces there are make no difference.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.playbooks.parameters import Told, misfit
from flowmatik.contracts.playbooks import PlaybookParameter, PlaybookVersion

MOST_GOAL = 2000
MOST_VALUE = 300
_NAME = re.compile(r"\{([^{}]*)\}")
_AROUND = " \t\n.,;:!?¿¡\"'«»"
_YES, _NO = ("true", "yes", "si"), ("false", "no")
_LIST = re.compile(r"\s*,\s*|\s+(?:and|y|e)\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """`weight`: how much of the goal the pattern names; the more, the surer."""

    playbook: PlaybookVersion
    values: dict[str, Any]
    weight: int


def best_match(goal: str, playbooks: Sequence[PlaybookVersion]) -> Match | None:
    """The playbook whose pattern names most of the goal; of several, the first by name."""
    if len(goal) > MOST_GOAL:
        return None
    folded = _Folded(goal)
    found = [match for one in playbooks if (match := _match(folded, one)) is not None]
    return min(found, key=lambda match: (-match.weight, match.playbook.name), default=None)


def pattern_fault(pattern: str, names: Collection[str]) -> Told | None:
    parts = _NAME.split(pattern)
    literals, used = parts[::2], parts[1::2]
    for name in used:
        if name not in names:
            text = f"the pattern names {{{name}}}, which is no parameter"
            return Told(text=text, code="playbook.pattern_name", values={"name": name})
    if len(set(used)) < len(used):
        return Told(text="the pattern names a parameter twice", code="playbook.pattern_twice")
    if any(not _fold(one).strip() for one in literals[1:-1]):
        text = "two names of the pattern stand side by side; put a word between them"
        return Told(text=text, code="playbook.pattern_gap")
    if len(re.findall(r"\w+", " ".join(literals))) < 2:
        text = "the pattern has fewer than two words of its own; nearly every goal would fit"
        return Told(text=text, code="playbook.pattern_short")
    return None


class _Folded:
    """A goal without what makes no difference, and of each character where it stood."""

    def __init__(self, goal: str) -> None:
        self._goal = goal
        text: list[str] = []
        self._at: list[int] = []
        for place, character in enumerate(goal):
            for one in _fold(character):
                if one == " " and (not text or text[-1] == " "):
                    continue
                text.append(one)
                self._at.append(place)
        self.text = "".join(text)
        self.begins = len(self.text) - len(self.text.lstrip(_AROUND))
        self.ends = len(self.text.rstrip(_AROUND))

    def words(self, start: int, end: int) -> str:
        """As they were written."""
        if start >= end:
            return ""
        return self._goal[self._at[start] : self._at[end - 1] + 1].strip(_AROUND)


def _fold(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in parts if not unicodedata.combining(c))
    return " " if text.isspace() else re.sub(r"\s+", " ", plain)


def _match(goal: _Folded, playbook: PlaybookVersion) -> Match | None:
    said = goal.text[goal.begins : goal.ends]
    found: list[Match] = []
    for pattern in playbook.patterns:
        values = _fitted(goal, pattern)
        if values is not None and (typed := _typed(values, playbook.parameters)) is not None:
            weight = len(_fold(_NAME.sub("", pattern)))
            found.append(Match(playbook=playbook, values=typed, weight=weight))
    for example in playbook.examples:
        if said and said == _fold(example).strip(_AROUND) and _typed({}, playbook.parameters) is not None:
            found.append(Match(playbook=playbook, values={}, weight=len(said)))
    return max(found, key=lambda match: match.weight, default=None)


def _fitted(goal: _Folded, pattern: str) -> dict[str, str] | None:
    """What stands for each name. The words of a pattern are looked for from the left, the last ones from the
    end, so that no word is looked at more than once for each of them."""
    parts = _NAME.split(pattern)
    names = parts[1::2]
    literals = [_fold(one) for one in parts[::2]]
    literals[0] = literals[0].lstrip(_AROUND)
    literals[-1] = literals[-1].rstrip(_AROUND)
    text, at, end = goal.text, goal.begins, goal.ends
    if not text.startswith(literals[0], at):
        return None
    if not names:
        return {} if at + len(literals[0]) == end else None
    at += len(literals[0])
    values: dict[str, str] = {}
    for n, name in enumerate(names):
        literal = literals[n + 1]
        last = n == len(names) - 1
        place = end - len(literal) if last else text.find(literal, at + 1, end)
        if place <= at or not text.startswith(literal, place):
            return None
        words = goal.words(at, place)
        if not words or len(words) > MOST_VALUE:
            return None
        values[name], at = words, place + len(literal)
    return values


def _typed(values: dict[str, str], parameters: Sequence[PlaybookParameter]) -> dict[str, Any] | None:
    """As the parameters take them; None when one does not, or a required one is not there."""
    typed: dict[str, Any] = {}
    for one in parameters:
        if one.name not in values:
            if one.required:
                return None
            continue
        value = from_text(one, values[one.name])
        if value is None or misfit(one, value) is not None:
            return None
        typed[one.name] = value
    return typed


def from_text(one: PlaybookParameter, text: str) -> Any:
    """The value that `text` stands for; None for none."""
    if one.type == "list":
        items = [_value(one.items, part, one.enum) for part in _LIST.split(text.strip()) if part]
        return None if any(item is None for item in items) else items
    return _value(one.type, text.strip(), one.enum)


def _value(kind: str, text: str, enum: Sequence[Any]) -> Any:
    folded = _fold(text).strip(_AROUND)
    match kind:
        case "integer":
            return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else None
        case "number":
            return float(text.replace(",", ".")) if re.fullmatch(r"[+-]?\d{1,18}(?:[.,]\d+)?", text) else None
        case "boolean":
            return True if folded in _YES else False if folded in _NO else None
        case _:
            named = (one for one in enum if isinstance(one, str) and _fold(one).strip(_AROUND) == folded)
            return next(named, text)
