"""JSON (RFC 8259) with the place of every value. Depth costs no stack, so that no file can exhaust it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json import decoder
from typing import Any, cast

_scan_string: Callable[[str, int, bool], tuple[str, int]] = cast("Any", decoder).scanstring
_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity")
_CLOSING = {"{": "}", "[": "]"}

Step = str | int


class Malformed(Exception):
    """What was expected, and the offset where something else stands."""

    def __init__(self, expected: str, offset: int) -> None:
        super().__init__(f"{expected} expected")
        self.offset = offset


class TooDeep(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text, number or truth value at `offset`; the keys and positions that lead to it."""

    path: tuple[Step, ...]
    value: str
    offset: int


class Reader:
    """One value of `text` from `start`; `end` is where it ended once all leaves were taken. Raises Malformed
    and TooDeep. Empty texts, empty containers and null have no leaf."""

    def __init__(self, text: str, start: int, *, deepest: int) -> None:
        self._text = text
        self._deepest = deepest
        self._path: list[Step] = []
        self._open: list[str] = []
        self.end = start

    def leaves(self) -> Iterator[Leaf]:
        self._skip()
        while True:
            sign = self._text[self.end : self.end + 1]
            if sign in _CLOSING and sign:
                if self._begin(sign):
                    continue
            elif leaf := self._scalar(sign):
                yield leaf
            if not self._next():
                return

    def _begin(self, sign: str) -> bool:
        """Whether a value follows; else the container was empty and is closed."""
        if len(self._open) >= self._deepest:
            raise TooDeep
        self._open.append(sign)
        self._path.append(0 if sign == "[" else "")
        self.end += 1
        self._skip()
        if self._text[self.end : self.end + 1] == _CLOSING[sign]:
            self._close()
            return False
        if sign == "{":
            self._key()
        return True

    def _next(self) -> bool:
        """Go to the value after the one that has ended; False at the end of the outermost."""
        while self._open:
            self._skip()
            sign = self._text[self.end : self.end + 1]
            if sign == ",":
                self.end += 1
                self._skip()
                last = self._path[-1]
                if isinstance(last, int):
                    self._path[-1] = last + 1
                else:
                    self._key()
                return True
            if sign != _CLOSING[self._open[-1]] or not sign:
                raise Malformed(f"a comma or {_CLOSING[self._open[-1]]}", self.end)
            self._close()
        return False

    def _close(self) -> None:
        self._open.pop()
        self._path.pop()
        self.end += 1

    def _key(self) -> None:
        if self._text[self.end : self.end + 1] != '"':
            raise Malformed("a key in quotes", self.end)
        self._path[-1] = self._string()
        self._skip()
        if self._text[self.end : self.end + 1] != ":":
            raise Malformed("a colon", self.end)
        self.end += 1
        self._skip()

    def _string(self) -> str:
        try:
            said, self.end = _scan_string(self._text, self.end + 1, False)
        except ValueError as error:
            raise Malformed("the end of a text, or a character that may stand in one,", self.end) from error
        return said

    def _scalar(self, sign: str) -> Leaf | None:
        offset = self.end
        if sign == '"':
            value = self._string()
        elif match := _LITERAL.match(self._text, offset):
            value, self.end = match[0], match.end()
        else:
            raise Malformed("a value", offset)
        said = value.strip()
        return Leaf(tuple(self._path), said, offset) if said and said != "null" else None

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self.end)
        self.end = match.end() if match else self.end
