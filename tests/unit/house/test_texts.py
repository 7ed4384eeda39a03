"""Texts for people exist in both languages and say the same things."""

import json
import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

from tests.unit.house.repository import SOURCE

PAIRS = sorted(
    (path, path.with_name(re.sub(r"\ben\b", "es", path.name)))
    for folder in SOURCE.rglob("locales")
    for path in folder.iterdir()
    if re.search(r"\ben\b", path.name) and path.suffix in (".toml", ".json")
)


def entries(path: Path) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def catalogues() -> list[tuple[Path, Path]]:
    """Catalogues are flat tables of texts; a settings file in two languages is not one."""
    return [pair for pair in PAIRS if not pair[0].name.startswith("settings")]


def test_there_are_catalogues() -> None:
    assert catalogues()


def test_every_catalogue_has_its_twin() -> None:
    files = [path for folder in SOURCE.rglob("locales") for path in folder.iterdir()]
    spanish = {path for path in files if re.search(r"\bes\b", path.name)}
    assert spanish == {pair[1] for pair in PAIRS}


@pytest.mark.parametrize(("english", "spanish"), catalogues(), ids=lambda path: path.parent.parent.name)
def test_both_languages_have_the_same_keys_and_placeholders(english: Path, spanish: Path) -> None:
    ours, theirs = entries(english), entries(spanish)
    assert sorted(ours) == sorted(theirs)
    for key, text in ours.items():
        translated = theirs[key]
        assert isinstance(text, str), key
        assert isinstance(translated, str), key
        assert placeholders(text) == placeholders(translated), key
        assert text.strip(), key
        assert translated.strip(), key


@pytest.mark.parametrize(("english", "spanish"), catalogues(), ids=lambda path: path.parent.parent.name)
def test_long_texts_are_really_translated(english: Path, spanish: Path) -> None:
    ours, theirs = entries(english), entries(spanish)
    same = {key: str(text) for key, text in ours.items() if text == theirs.get(key)}
    prose = {key: re.sub(r"{[^}]*}|`[^`]*`|flowmatik .*", "", text) for key, text in same.items()}
    assert [key for key, text in prose.items() if len(re.findall(r"[A-Za-z]{2,}", text)) > 3] == []
