"""Both languages say everything, with the same values filled in."""

import re
import string
from pathlib import Path

from flowmatik.app.texts import load_texts

APP = Path(__file__).parents[3] / "src" / "flowmatik" / "app"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_spanish_and_english_have_the_same_keys_and_placeholders() -> None:
    english, spanish = load_texts("en"), load_texts("es")
    assert list(english) == list(spanish)
    assert {k: placeholders(v) for k, v in english.items()} == {
        k: placeholders(v) for k, v in spanish.items()
    }


def test_every_key_that_the_code_names_exists() -> None:
    keys = load_texts("en")
    code = "\n".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    called = set(re.findall(r'\b(?:text|say)\(\s*"([a-z_.]+)"', code))
    helped = set(re.findall(r'"(help\.[a-z_.]+[a-z])"', code))
    assert len(called) > 30
    assert len(helped) > 40
    assert sorted((called | helped) - set(keys)) == []


def test_every_help_text_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    helps = [key for key in load_texts("en") if key.startswith("help.")]
    assert [key for key in helps if f'"{key}"' not in code] == []
