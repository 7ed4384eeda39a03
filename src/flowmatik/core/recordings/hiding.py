"""Replaces personal data and secrets in a recording, the same value by the same word everywhere, so that what
was equal stays equal and the run still decides as it did."""

from collections import Counter
from typing import Any, cast

from flowmatik.contracts.recordings import Redaction
from flowmatik.core.guards.pii import Span, personal
from flowmatik.core.guards.secrets import secrets_in


class Hider:
    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._words: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def hidden(self, value: Any) -> Any:
        """`value`, which is JSON, without what is to be hidden. The program's own ids and hashes, in lower
        case, have no shape that is looked for; a model's may have, and stay equal to each other."""
        if self._redaction == "none":
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            return {self._text(key): self.hidden(member) for key, member in members.items()}
        if isinstance(value, list | tuple):
            return [self.hidden(member) for member in cast("list[Any]", value)]
        return value

    def _text(self, text: str) -> str:
        """Where both are found, the secret counts."""
        spans = secrets_in(text)
        if self._redaction == "all":
            spans += [span for span in personal(text) if not _within(span, spans)]
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


def _within(span: Span, others: list[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end, _ in others)
