"""What stands inside an error, such as why a source cannot be used, is said in the reader's language, down to
the last word."""

import ast
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.app.reasons import PHRASES, phrase
from flowmatik.app.texts import Texts, catalogue, load_texts
from flowmatik.contracts.limits import Limit
from flowmatik.core.limits import check
from flowmatik.kernel.errors import FlowmatikError, InvalidInput
from flowmatik.memory.source_settings import Given, lost
from tests.unit.house.repository import SOURCE

MEMORY = SOURCE / "memory"
PLACES = (
    *MEMORY.glob("source_kinds/**/*.py"),
    *MEMORY.glob("source_parts/*.py"),
    *MEMORY.glob("syncing/*.py"),
    MEMORY / "source_settings.py",
)
ELSEWHERE = (
    ("why", "app/gazetteer_file.py", "_wrong"),
    ("why", "memory/gazetteers.py", "_wrong"),
    ("why", "memory/source_parts/whom.py", "nobody"),
    ("why", "memory/source_kinds/web/requests.py", "_refused"),
    ("said", "app/recording_files.py", "_no_recording"),
    ("said", "agents/channels/archive.py", "broken"),
    ("said", "agents/skills/sandbox/jail.py", "unavailable"),
    ("said", "agents/openapi/document.py", "document_fault"),
    ("said", "agents/mcp/wire.py", "malformed"),
    ("said", "memory/embedders/onnx_file/beside.py", "broken"),
    ("said", "security/connections/stored.py", "_unreachable"),
    ("said", "stores/blobs/s3.py", "_away"),
    ("allowed", "core/budgets.py", "_wrong"),
    ("allowed", "core/limits.py", "_wrong"),
    ("allowed", "integrations/alerts/service.py", "_wrong"),
    ("allowed", "integrations/layers/settings.py", "_wrong"),
    ("allowed", "memory/index_settings.py", "wrong"),
    ("allowed", "memory/*_indexes/**/*.py", "wrong"),
    ("allowed", "memory/*_indexes/**/*.py", "unfit"),
    ("place", "core/brain/guarded_steps.py", "_failed"),
)


def sentences(path: Path, names: tuple[str, ...] = ("wrong", "lost")) -> Iterator[str]:
    """The last thing that is given to `names`, in words of ours, with the value in its place."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        said = node.args[-1]
        if name not in names:
            continue
        if isinstance(said, ast.Constant):
            yield str(said.value)
        elif isinstance(said, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in said.values)


SAID = sorted({one for path in PLACES for one in sentences(path)})
PUT_IN = sorted(
    {
        (name, one)
        for name, place, function in ELSEWHERE
        for path in SOURCE.glob(place)
        for one in sentences(path, (function,))
        if one != "runs: 7"  # the rest is a library's
    }
)


def spanish(error: FlowmatikError) -> str:
    return catalogue("es").error(error)


def shown(texts: Texts, why: str) -> str:
    return texts.error(lost("x", why)).partition(": ")[2].rpartition(";")[0]


def test_sentences_are_found_in_the_code() -> None:
    assert len(SAID) > 70
    found = [{*sentences(path, (one,))} for _, place, one in ELSEWHERE for path in SOURCE.glob(place)]
    assert len({*map(frozenset, found)}) > len(ELSEWHERE) - 2
    assert len(PUT_IN) > 75


@pytest.mark.parametrize("why", SAID)
def test_every_reason_of_the_code_has_a_spanish_text(why: str) -> None:
    assert shown(catalogue("es"), why) != why
    assert shown(catalogue("en"), why) == why


@pytest.mark.parametrize(("name", "said"), PUT_IN)
def test_every_phrase_inside_an_error_has_a_spanish_text(name: str, said: str) -> None:
    english, own = load_texts("en"), load_texts("es")
    assert phrase(name, said, english, own) != said
    assert phrase(name, said, english, english) == said


def test_every_phrase_has_a_text_in_both_languages() -> None:
    beginnings = tuple(PHRASES.values())
    english, own = ({k for k in load_texts(one) if k.startswith(beginnings)} for one in ("en", "es"))
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


def test_what_may_be_given_and_what_there_is_are_said_in_spanish() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Limit(workspace_id="w", scope="agent:x", most=1, burst=2))
    assert spanish(caught.value).endswith("puede ser de 1 a 1,000,000, junto a per_minute")
    nobody = FlowmatikError("", code="not_found.template", context={"name": "x", "known": "none"})
    assert spanish(nobody) == "no existe la plantilla 'x'; existen: –"


def test_a_word_of_the_program_is_said_as_its_own_table_says_it() -> None:
    said = FlowmatikError("", code="conflict.factory_state", context={"agent": "x", "state": "retired"})
    assert spanish(said) == "el agente 'x' ya está en el estado retirado"
