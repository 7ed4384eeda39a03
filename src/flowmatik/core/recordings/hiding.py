"""Replaces personal data and secrets in a recording, the same value by the same word everywhere, so that what
was equal stays equal and the run still decides as it did."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeGuard, cast

from flowmatik.contracts.recordings import Redaction
from flowmatik.core.guards.pii import Span, personal
from flowmatik.core.guards.secrets import names_a_secret, secrets_in

SHORTEST = 6  # characters of a secret that a field's name tells of
MOST_TOLD = 1_000  # such secrets that are looked for elsewhere
# The program's own ids, hashes, traces, versions and times: in one of 200 there is what looks like a card's
# number, and in some times what looks like that of an identity card.
_OWN = re.compile(
    r"(?<![0-9A-Za-z])(?:[a-z]{3,4}_)?(?:[0-9a-f]{64}|[0-9a-f]{32}(?:-[0-9a-f]{16})?)(?![0-9A-Za-z])"
    r"|@[0-9a-f]{12}(?![0-9A-Za-z])|(?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)(?![0-9A-Za-z])"
)
_WORD = re.compile(r"[^\W\d]+")  # elsewhere it may be a word like any other


class Hider:
    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._words: dict[str, str] = {}
        self._told: list[str] = []
        self.counts: Counter[str] = Counter()

    def learn(self, value: Any) -> None:
        """What stands in fields whose names say that it is secret, to be hidden elsewhere too."""
        if self._redaction != "none":
            told = {one for one in _told_in(value) if not _WORD.fullmatch(one)}
            self._told = sorted(told, key=lambda one: (-len(one), one))[:MOST_TOLD]

    def hidden(self, value: Any) -> Any:
        """`value`, which is JSON, without what is to be hidden. The program's own ids and hashes stay; a
        model's may have the shape of what is looked for, and stay equal to each other."""
        if self._redaction == "none":
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            return {self._text(key): self._member(key, member) for key, member in members.items()}
        if isinstance(value, list | tuple):
            return [self.hidden(member) for member in cast("list[Any]", value)]
        return value

    def _member(self, name: str, member: Any) -> Any:
        if _is_told(name, member) and not secrets_in(member):
            return self._word(member, "password")
        return self.hidden(member)

    def _text(self, text: str) -> str:
        """Where both are found, the secret counts."""
        spans = secrets_in(text)
        if self._told:
            spans = _longest([*spans, *(span for told in self._told for span in _places(text, told))])
        if self._redaction == "all":
            own = [(one.start(), one.end(), "") for one in _OWN.finditer(text)]
            spans += [span for span in personal(text) if not _within(span, [*spans, *own])]
        parts: list[str] = []
        end = 0
        for start, stop, kind in sorted(spans):
            parts += (text[end:start], self._word(text[start:stop], kind))
            end = stop
        return "".join((*parts, text[end:]))

    def _word(self, value: str, kind: str) -> str:
        if value not in self._words:
            self.counts[kind] += 1
            self._words[value] = f"[{kind} {self.counts[kind]}]"
        return self._words[value]


def _told_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in cast("dict[str, Any]", value).items():
            if _is_told(name, member):
                yield member
            else:
                yield from _told_in(member)
    elif isinstance(value, list | tuple):
        for member in cast("list[Any]", value):
            yield from _told_in(member)


def _is_told(name: str, member: object) -> TypeGuard[str]:
    return isinstance(member, str) and len(member) >= SHORTEST and names_a_secret(name)


def _places(text: str, told: str) -> Iterator[Span]:
    """Not within longer words."""
    at = text.find(told)
    while at >= 0:
        end = at + len(told)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            yield at, end, "password"
        at = text.find(told, end)


def _longest(spans: list[Span]) -> list[Span]:
    """Without overlaps."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0] - one[1], one)):
        if not _within(span, found):
            found.append(span)
    return found


def _within(span: Span, others: list[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end, _ in others)
