"""Texts for people, in Spanish and English, by key."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, TypeGuard, cast

from flowmatik.app.reasons import PHRASES, WORDS, phrase
from flowmatik.app.setting_values import SETTINGS
from flowmatik.kernel.errors import FlowmatikError

LANGUAGES = ("en", "es")
VARIANTS = ("", "/2", "/3", "/4", "/5", "/6")
NAMES = frozenset({"agent", "file", "home", "name", "path", "source"})  # somebody else gave them


class Texts:
    """`text(key, **values)`: the text in the language, its `{names}` filled in."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._entries = load_texts(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for an unknown key: a fault of the program, found by its tests."""
        return self._entries[key].format(**self._shown(values))

    def template(self, key: str) -> str:
        """The text as it stands, for somebody else to fill in."""
        return self._entries[key]

    def has(self, key: str) -> bool:
        return key in self._entries

    def said(self, key: str, values: Mapping[str, object], otherwise: str) -> str:
        """The first text of `key` (`key`, `key/2` …) whose names are all in `values`; else `otherwise`,
        which is English or came in the right language already."""
        said = self._first(key, values)
        return otherwise if said is None else said

    def shipped(self, summary: str) -> str:
        """What an agent, a template or a plugin that ships says of itself; the same of somebody else's."""
        return phrase("summary", summary, load_texts("en"), self._entries)

    def fault(self, code: str, values: Mapping[str, object], message: str) -> str:
        """What is wrong, by its code: an error, or why a run, a task or a document failed. A code of
        somebody else's (`tool.empty`) is said by the text of its family, which quotes `message`."""
        if "said_by" in values or not code:  # said in words already, by a server or this program before
            return message
        if details := _details(values):
            lines = [self._detail(detail) for detail in details]
            head = self.said(f"details.{code}", {**values, "count": len(lines)}, "")
            return "\n  - ".join([head, *lines]) if head else "\n".join(lines)
        said = self._first(f"fault.{code}", {**_key_setting(values), **values})
        if said is None and message:
            family = code.partition(".")[0]
            said = self._first(f"family.{family}", {"said": message, **values})
        return message if said is None else said

    def error(self, error: FlowmatikError) -> str:
        return self.fault(error.code, error.context, error.message)

    def _first(self, key: str, values: Mapping[str, object]) -> str | None:
        shown = self._shown(values)
        for variant in VARIANTS:
            entry = self._entries.get(key + variant)
            if entry is not None and _names(entry) <= shown.keys():
                with contextlib.suppress(
                    ValueError, TypeError
                ):  # a value of somebody else's, of another form
                    return entry.format(**shown)
        return None

    def _shown(self, values: Mapping[str, object]) -> dict[str, object]:
        """As people read them: small amounts without an exponent, and faults in words."""
        return {
            name: self._named(name, value) if isinstance(value, str) else self._value(value)
            for name, value in values.items()
        }

    def _named(self, name: str, value: str) -> str:
        if name in PHRASES or name in WORDS:
            return phrase(name, value, load_texts("en"), self._entries)
        return _Name(value) if name in NAMES else value

    def _value(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return _Count(value)
        if isinstance(value, float):
            return f"{value:.6f}".rstrip("0").rstrip(".")
        if not _is_fault(value):
            return value
        return self._detail(value) if "place" in value else self.fault(*_parts(value))

    def _detail(self, detail: Mapping[str, Any]) -> str:
        """One of several faults, with the place where it stands."""
        code, values, text = _parts(detail)
        said = self.said(f"detail.{code}", values, text)
        return f"{detail['place']}: {said}" if detail["place"] else said


def shown_name(name: str) -> str:
    """On one line and with its control characters seen: a file may be called whatever somebody likes."""
    return "".join(
        c if c.isprintable() or c == "\u00a0" else c.encode("unicode_escape").decode("ascii") for c in name
    )


class _Name(str):
    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return format(shown_name(self), spec)


class _Count(int):
    """In a text `{n:# file|# files}` is the number with its noun, for one and for any other number."""

    def __format__(self, spec: str) -> str:
        one, more, many = spec.partition("|")
        if not more:
            return super().__format__(spec)
        return (one if self == 1 else many).replace("#", str(int(self)))


def _is_fault(value: object) -> TypeGuard[Mapping[str, Any]]:
    return (
        isinstance(value, Mapping) and {"code", "values", "text"} <= cast("Mapping[str, Any]", value).keys()
    )


def _parts(fault: Mapping[str, Any]) -> tuple[str, Mapping[str, object], str]:
    return fault["code"], fault["values"], fault["text"]


def _details(values: Mapping[str, object]) -> Sequence[Mapping[str, Any]]:
    """The faults that an error brings together; none when `details` is a word of somebody else's."""
    given = values.get("details")
    rows = cast("Sequence[object]", given) if isinstance(given, list | tuple) else ()
    return [row for row in rows if _is_fault(row) and "place" in row]


def _key_setting(values: Mapping[str, object]) -> Mapping[str, object]:
    """Where the key of the model's provider is set, for whoever must correct it."""
    provider = str(values.get("model", "")).partition("/")[0]
    variables = {setting.key: setting.variable for setting in SETTINGS}
    variable = variables.get(f"providers.{provider}.api_key")
    return {"key_setting": variable} if variable else {}


@cache
def catalogue(language: str) -> Texts:
    return Texts(language)


@cache
def load_texts(language: str) -> Mapping[str, str]:
    text = files("flowmatik.app").joinpath("locales", f"{language}.json").read_text(encoding="utf-8")
    entries: dict[str, str] = json.loads(text)
    return entries


@cache
def _names(entry: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(entry) if name)
