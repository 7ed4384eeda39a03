"""What a person reads is in one language: theirs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.cli import environment, make_home
from tests.e2e.serving import up
from tests.e2e.within import flowmatik

ENGLISH = re.compile(
    r"\b(the|and|is|are|not|with|from|of|which|that|question|stands?|citations?|found|needs?|there"
    r"|verified|sources|cost|next|error: no such|goal|cannot|missing|invalid|value)\b",
    re.IGNORECASE,
)
SPANISH = re.compile(
    r"\b(el|la|los|las|que|con|para|del|una?|preguntas?|figura|citas?|falta|existen?|hecha|fuentes|coste|ahora"
    r"|objetivo|comprobado|clave)\b",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """Without quotes of documents, commands, SQL, codes, paths, names, and what the line itself was given."""
    for pattern in (
        r"«[^»]*»",
        r"`[^`]*`",
        r"(?m)^\s+SELECT .*$",
        r"\[[a-z_.]+\]",
        r"'[^']*'",
        r"\S*/\S*",
        r"--\S+",
        r"\b[A-Z_]{3,}\b",  # what stands for a value
    ):
        text = re.sub(pattern, " ", text)
    return text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("languages") / "home")


@pytest.mark.parametrize(("language", "foreign"), [("es", ENGLISH), ("en", SPANISH)])
def test_a_run_from_its_plan_to_its_cost_is_in_one_language(
    language: str, foreign: re.Pattern[str], home: Path
) -> None:
    done = flowmatik("--home", str(home), "--lang", language, "run", "--quickstart")
    assert done.returncode == 0, done.stderr
    run_id = re.search(r"run_\w{32}", done.stdout)
    assert run_id
    shown = flowmatik("--home", str(home), "--lang", language, "runs", "show", run_id[0])
    for text in (done.stdout, done.stderr, shown.stdout):
        assert foreign.findall(own_words(text)) == [], text


WRONG = [
    ("run", "x", "--agent", "ghost"),
    ("run", "x", "--docs", "nowhere"),
    ("run", "x", "--budget", "lots"),
    ("run",),
    ("run", "x", "--nonsense"),
    ("run", "x", "two"),
    ("run", "x", "--agent"),
    ("runs", "list", "--status"),
    ("runs", "logs", "run_1", "--follow=yes"),
    ("runs", "show"),
    ("runs", "show", "run_nowhere"),
    ("runs", "list", "--status", "odd"),
    ("runs", "list", "--limit", "x"),
    ("runs", "resume", "run_1", "--resolve", "call=maybe"),
    ("agents", "validate", "bad.yaml"),
    ("agents", "apply", "nowhere.yaml"),
    ("memory", "ingest", "broken.pdf"),
    ("--home", "/nowhere", "runs", "list"),
    ("--url", "http://127.0.0.1:9", "--api-key", "k", "runs", "list"),
    ("--url", "http://127.0.0.1:9", "runs", "list"),
    ("nonsense",),
    ("runs", "remove"),
    ("agents", "remove"),
    ("agents", "remove", "writer"),
    ("agents", "show", "nobody"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_wrong_is_said_in_the_language_of_the_person(
    arguments: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "bad.yaml").write_text("apiVersion: flowmatik/v1\nkind: Agente\nrole: 5\ntoolz: []\n")
    (home / "broken.pdf").write_text("%PDF-1.4 nonsense")
    monkeypatch.chdir(home)
    spanish = said("es", *arguments)
    english = said("en", *arguments)
    assert spanish.returncode == english.returncode != 0
    assert ENGLISH.findall(own_words(spanish.stderr)) == [], spanish.stderr
    assert SPANISH.findall(own_words(english.stderr)) == [], english.stderr
    assert "Traceback" not in spanish.stderr + english.stderr


def said(language: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return flowmatik("--lang", language, *arguments)


@pytest.mark.parametrize(
    "arguments", [(), ("run",), ("runs", "list"), ("memory", "ingest"), ("up",)], ids=" ".join
)
def test_help_is_wholly_in_the_language_of_the_person(arguments: tuple[str, ...]) -> None:
    assert ENGLISH.findall(own_words(flowmatik(*arguments, "--help", "--lang", "es").stdout)) == []
    assert SPANISH.findall(own_words(flowmatik(*arguments, "--help", "--lang", "en").stdout)) == []


def test_a_server_says_what_is_wrong_in_the_language_that_the_client_asks_for(home: Path) -> None:
    with up(home, environment()) as server:
        done = said("es", "--url", server.url, "--api-key", "fmk_wrong", "runs", "list")
    assert "la clave o el token no son válidos" in done.stderr
