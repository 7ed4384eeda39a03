"""What stands inside an error, such as why a source cannot be used, is said in the reader's language, down to
the last word."""

import ast
import errno
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from flowmatik.agents.mcp.pins import load_pins
from flowmatik.app.reasons import PHRASES, phrase
from flowmatik.app.texts import Texts, catalogue, load_texts
from flowmatik.contracts.limits import Limit
from flowmatik.core.limits import check
from flowmatik.kernel import canonical
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
    ("said", "agents/openapi/*.py", "PlaceError"),
    ("said", "agents/mcp/*.py", "malformed"),
    ("said", "agents/mcp/*.py", "unreachable"),
    ("said", "agents/mcp/*.py", "ValueError"),
    ("said", "agents/openapi/config.py", "ValueError"),
    ("said", "agents/skills/own/*.py", "ValueError"),
    ("said", "agents/tool_terms.py", "ValueError"),
    ("said", "app/cli/router.py", "ValueError"),
    ("said", "app/tool_files.py", "_told"),
    ("said", "kernel/addresses.py", "ValueError"),
    ("said", "learning/routing/state.py", "ValueError"),
    ("said", "security/connections/config.py", "ValueError"),
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
        if one not in ("runs: 7", "7: 7", "HTTP 7")  # the rest is a library's, or said of itself alone
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
    assert len(PUT_IN) > 125


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


READERS: dict[str, Callable[[str], object]] = {
    "yaml": yaml.safe_load,
    "json": json.loads,
    "orjson": canonical.loads,
    "toml": tomllib.loads,
    "approved tools": load_pins,
}


def library(reader: str, text: str) -> str:
    """What a library says of `text`."""
    try:
        READERS[reader](text)
    except yaml.MarkedYAMLError as error:
        return str(error.problem)
    except (yaml.YAMLError, ValueError) as error:
        return " ".join(str(error).split())
    raise AssertionError(text)


BAD_TEXTS = {
    "yaml": (
        "a: b: c", "[1, 2", "{a: 1", "x: 'abc", '"\\q"', "\tx: 1", "- a\nb: 1", "*a", "a: 1\n- b",
        "%YAML 9.9 x\n", "{[1]: 2}", "!!python/name:os 1", "--- a\n--- b", "a: [", "x: 2026-99-01",
        "x: 2026-02-31", "x: !!int abc", "- &a x\n- &a y", "|0", "a: \x01",
    ),
    "json": ("{", '{"a":,}', '{"a" 1}', '{"a":1 "b"}', "[1] 2", '"a', '"\\q"', "{1:2}", '"\t"'),
    "orjson": ("", "{", '{"a":,}', '{"a" 1}', '{"a":1 "b"}', "[1] 2", "[1 2]", "[1,]", "{1:2}", "[trux]"),
    "toml": (
        "x =", "x", "[a", "[[a]", "a=1\na=2", "[a]\n[a]", 'x="abc\n', "x=[1", "x={a=1", "= 1", "x=01",
        'x="\\q"', "x={a=1,a=2}", "x=1\nx.y=2", 'x="abc', "x=2026-99-99",
    ),
    "approved tools": ("[1]",),
}  # fmt: skip
BAD = [(reader, text) for reader, texts in BAD_TEXTS.items() for text in texts]


@pytest.mark.parametrize(("reader", "text"), BAD)
def test_what_a_library_says_of_a_file_is_said_in_spanish(reader: str, text: str) -> None:
    said = library(reader, text)
    english, own = load_texts("en"), load_texts("es")
    told = phrase("said", said, english, own)
    assert not re.search(r"\b(the|is|are|not|but|found|expected|expecting|in|of|data|line|must)\b", told), (
        told
    )
    assert phrase("said", said, english, english) == said


BAD_SCHEMAS: list[tuple[dict[str, object], object]] = [
    ({"type": "object"}, 5),
    ({"anyOf": [{"type": "string"}]}, 5),
    ({"oneOf": [{}, {}]}, 5),
    ({"enum": [1]}, 5),
    ({"const": 1}, 5),
    ({"pattern": "^a$"}, "b"),
    ({"required": ["a"]}, {}),
    ({"minimum": 9}, 5),
    ({"maximum": 1}, 5),
    ({"exclusiveMinimum": 9}, 5),
    ({"exclusiveMaximum": 1}, 5),
    ({"multipleOf": 2}, 5),
    ({"minLength": 2}, "a"),
    ({"minLength": 1}, ""),
    ({"maxLength": 0}, "a"),
    ({"maxLength": 1}, "aa"),
    ({"minProperties": 2}, {"a": 1}),
    ({"maxProperties": 1}, {"a": 1, "b": 1}),
    ({"uniqueItems": True}, [1, 1]),
    ({"not": {}}, 5),
    ({"additionalProperties": False}, {"a": 1}),
    ({"additionalProperties": False}, {"a": 1, "b": 1}),
    ({"contains": {"type": "string"}}, [1]),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    ({"properties": {"a": False}}, {"a": 1}),
]


@pytest.mark.parametrize(("schema", "value"), BAD_SCHEMAS, ids=[str(one) for one, _ in BAD_SCHEMAS])
def test_what_breaks_a_schema_is_said_in_spanish(schema: dict[str, object], value: object) -> None:
    said = str(next(iter(cast("Any", Draft202012Validator(schema)).iter_errors(value))).message)
    english, own = load_texts("en"), load_texts("es")
    told = phrase("said", said, english, own)
    assert not re.search(r"\b(the|is|are|not|was|were|too|does|than|should|a|of)\b", own_words(told)), told
    assert phrase("said", said, english, english) == said


def own_words(text: str) -> str:
    return re.sub(r"'[^']*'", " ", text)


def test_a_reason_behind_a_name_is_said_in_spanish_and_a_name_alone_stands() -> None:
    why = "its schema cannot be used: 'zz' is not valid under any of the given schemas"
    assert shown(catalogue("es"), why) == (
        "su esquema no se puede usar: 'zz' no encaja en ninguno de los esquemas"
    )
    assert shown(catalogue("es"), "FATAL: Permission denied") == "FATAL: permiso denegado"
    assert shown(catalogue("es"), "FATAL: a server's own words") == "FATAL: a server's own words"
