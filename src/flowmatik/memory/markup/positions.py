"""From a text node back to its line in the source: the parser keeps no positions, but text nodes
come in source order, so each is found by its first plain word after the one before."""

import re
from bisect import bisect_right

_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_PLAIN = re.compile(r"[^\W_]{2,}|\d")
_ENTITY = re.compile(r"&#?\w+;?")


class SourceLines:
    def __init__(self, markup: str) -> None:
        """`markup` is the file's text; tags, comments, scripts and entities are blanked out."""
        blank = _HIDDEN.sub(lambda match: " " * len(match[0]), markup)
        self._text = _ENTITY.sub(lambda match: "&" * len(match[0]), blank)
        self._starts = [0, *(match.end() for match in re.finditer("\n", markup))]
        self._at = 0

    def advance(self, text: str) -> int:
        """The line on which this text node begins; 1 at least, the last known when not found."""
        first = 0
        for match in _PLAIN.finditer(text):
            found = self._text.find(match[0], self._at)
            if found < 0:
                continue
            if not first:
                first = self._line(found) - text.count("\n", 0, match.start())
            self._at = found + len(match[0])
        return max(1, first or self._line(self._at))

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)
