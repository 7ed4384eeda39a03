"""Texts for people, in Spanish and English, by key."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, cast

from flowmatik.app.setting_values import SETTINGS
from flowmatik.kernel.errors import FlowmatikError

LANGUAGES = ("en", "es")
VARIANTS = ("", "/2", "/3")


class Texts:
    """`text(key, **values)`: the text in the language, its `{names}` filled in."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._entries = load_texts(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for an unknown key: a fault of the program, found by its tests."""
        return self._entries[key].format(**values)

    def template(self, key: str) -> str:
        """The text as it stands, for somebody else to fill in."""
        return self._entries[key]

    def has(self, key: str) -> bool:
        return key in self._entries

    def said(self, key: str, values: Mapping[str, object], otherwise: str) -> str:
        """The first text of `key` (`key`, `key/2` …) whose names are all in `values`, where `message` is
        `otherwise`; else `otherwise`, which is English or came in the right language already."""
        given = {"message": otherwise, **values}
        for variant in VARIANTS:
            entry = self._entries.get(key + variant)
            if entry is not None and _names(entry) <= given.keys():
                return entry.format(**given)
        return otherwise

    def fault(self, code: str, values: Mapping[str, object], message: str) -> str:
        """What is wrong, by its code: an error, or why a run, a task or a document failed."""
        details = values.get("details")
        if details:
            lines = [self._detail(detail) for detail in cast("Sequence[Mapping[str, Any]]", details)]
            head = self.said(f"details.{code}", {"count": len(lines)}, "")
            return "\n  - ".join([head, *lines]) if head else "\n".join(lines)
        return self.said(f"fault.{code}", {**_key_setting(values), **values}, message)

    def error(self, error: FlowmatikError) -> str:
        if "said_by" in error.context:  # a server, or this program before
            return error.message
        return self.fault(error.code, error.context, error.message)

    def _detail(self, detail: Mapping[str, Any]) -> str:
        """One of several faults, with the place where it stands."""
        said = self.said(f"detail.{detail['code']}", detail["values"], detail["text"])
        return f"{detail['place']}: {said}"


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
