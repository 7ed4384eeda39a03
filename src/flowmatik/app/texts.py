"""Texts for people, in Spanish and English, by key."""

import json
from collections.abc import Mapping
from importlib.resources import files

LANGUAGES = ("en", "es")


class Texts:
    """`text(key, **values)`: the text in the language, its `{names}` filled in."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._entries = load_texts(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for an unknown key: a fault of the program, found by its tests."""
        return self._entries[key].format(**values)

    def has(self, key: str) -> bool:
        return key in self._entries


def load_texts(language: str) -> Mapping[str, str]:
    text = files("flowmatik.app").joinpath("locales", f"{language}.json").read_text(encoding="utf-8")
    entries: dict[str, str] = json.loads(text)
    return entries
