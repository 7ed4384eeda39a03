"""As much of GraphQL's grammar as selections with arguments need (spec.graphql.org, sections 2.1 to 2.9)."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'[\s,]*(?:(?P<sign>[{}()\[\]:])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)'
    r"|(?P<name>[_A-Za-z]\w*))"
)


class Malformed(Exception):
    """Its text is as the server says it."""


@dataclass(slots=True, kw_only=True)
class Field:
    name: str
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    fields: list["Field"] = field(default_factory=lambda: list["Field"]())


def parsed(query: str) -> list[Field]:
    reader = _Reader(query)
    reader.expect("{")
    found = reader.selection()
    reader.end()
    return found


class _Reader:
    def __init__(self, query: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        query = query.strip()
        while at < len(query):
            match = _TOKEN.match(query, at)
            if match is None or match.lastgroup is None:
                raise Malformed(f"Syntax Error GraphQL: Unexpected character {query[at : at + 5]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0

    def selection(self) -> list[Field]:
        found: list[Field] = []
        while not self._take("}"):
            one = Field(name=self._name())
            if self._take("("):
                one.arguments = self._pairs(")")
            if self._take("{"):
                one.fields = self.selection()
            found.append(one)
        return found

    def expect(self, sign: str) -> None:
        if not self._take(sign):
            raise Malformed(f"Syntax Error GraphQL: Expected {sign}, found {self._shown()}")

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise Malformed(f"Syntax Error GraphQL: Unexpected {self._shown()}")

    def _value(self) -> Any:
        if self._take("{"):
            return self._pairs("}")
        if self._take("["):
            found: list[Any] = []
            while not self._take("]"):
                found.append(self._value())
            return found
        kind, text = self._next()
        if kind in ("text", "number"):
            return json.loads(text)
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(text, text)
        raise Malformed(f"Syntax Error GraphQL: Unexpected {text}")

    def _pairs(self, end: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._take(end):
            name = self._name()
            self.expect(":")
            found[name] = self._value()
        return found

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise Malformed(f"Syntax Error GraphQL: Expected Name, found {text}")
        return text

    def _take(self, sign: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign)
        self._at += found
        return found

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Malformed("Syntax Error GraphQL: Unexpected EOF")
        self._at += 1
        return self._tokens[self._at - 1]

    def _shown(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else "EOF"
