"""Why a source cannot be used is said in the reader's language, down to the last word."""

import ast
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.app.reasons import PREFIX
from flowmatik.app.texts import Texts, catalogue, load_texts
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.source_settings import Given, lost
from tests.unit.house.repository import SOURCE

MEMORY = SOURCE / "memory"
PLACES = (
    *MEMORY.glob("source_kinds/**/*.py"),
    *MEMORY.glob("source_parts/*.py"),
    *MEMORY.glob("syncing/*.py"),
    MEMORY / "source_settings.py",
)


def sentences(path: Path) -> Iterator[str]:
    """What is given to `wrong` and `lost` in words of ours, with the value in its place."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or len(node.args) != 2:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        said = node.args[1]
        if name not in ("wrong", "lost"):
            continue
        if isinstance(said, ast.Constant):
            yield str(said.value)
        elif isinstance(said, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in said.values)


SAID = sorted({one for path in PLACES for one in sentences(path)})


def spanish(error: FlowmatikError) -> str:
    return catalogue("es").error(error)


def shown(texts: Texts, why: str) -> str:
    return texts.error(lost("x", why)).partition(": ")[2].rpartition(";")[0]


def test_sentences_are_found_in_the_code() -> None:
    assert len(SAID) > 70


@pytest.mark.parametrize("why", SAID)
def test_every_reason_of_the_code_has_a_spanish_text(why: str) -> None:
    assert shown(catalogue("es"), why) != why
    assert shown(catalogue("en"), why) == why


def test_every_reason_has_a_text_in_both_languages() -> None:
    english, own = ({k for k in load_texts(one) if k.startswith(PREFIX)} for one in ("en", "es"))
    assert english == own


@pytest.mark.parametrize(
    "name", [one.removeprefix("reason.errno.") for one in load_texts("en") if "errno" in one]
)
def test_what_the_system_says_is_said_in_spanish(name: str) -> None:
    assert load_texts("en")[f"reason.errno.{name}"] == os.strerror(getattr(errno, name))


def test_values_stay_as_they_are_and_reasons_inside_reasons_are_translated() -> None:
    given = Given("git", {"url": "file:///srv/one"})
    assert spanish(given.wrong("n", "it must be between 1 and 20")).endswith("debe estar entre 1 y 20")
    why = "no copy can be written here: No space left on device"
    assert (
        shown(catalogue("es"), why) == "no se puede escribir aquí ninguna copia: no queda espacio en el disco"
    )
    assert shown(catalogue("es"), "a server's own words") == "a server's own words"
    braces = "the key '{x}' is there twice; choose another column"
    assert shown(catalogue("es"), braces).startswith("la clave '{x}' está dos veces")
