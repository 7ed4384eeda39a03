"""Whoever reads Spanish is told in Spanish what is wrong with a file, whoever found it: a check of ours, or
the library that reads YAML, JSON, JSON Schema or forms. Its words are translated too, not only the sentence
around them."""

import json
import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli import environment, make_home
from tests.e2e.serving import Server, up
from tests.e2e.test_languages import own_words
from tests.e2e.within import flowmatik

ENGLISH = re.compile(
    r"\b(the|and|is|are|not|with|from|of|which|there|must|should|be|cannot|missing|invalid|expected|expecting"
    r"|than|only|input|valid|has|have|it|used|found|required|allowed|unexpected|here|out|give|take)\b",
    re.IGNORECASE,
)
AGENT = """apiVersion: flowmatik/v1
kind: Agent
metadata: {name: one}
summary: s
role: executor
instructions: do
"""
TEMPLATE = AGENT.replace("kind: Agent", "kind: AgentTemplate").partition("role")[0]
PLAYBOOK = TEMPLATE.replace("AgentTemplate", "Playbook")
SKILL = "from flowmatik.skills import skill\n"
API = {"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "https://x"}]}
STATE: dict[str, object] = {"format": 1, "explore": True, "types": {}, "routes": []}
RECORDING = {"format": 5, "runs": 5}


def api(operation: object, path: str = "/a") -> str:
    return json.dumps({**API, "paths": {path: {"get": operation}}})


def parameter(schema: object) -> dict[str, object]:
    return {"parameters": [{"in": "query", "name": "x", "schema": schema}]}


PROFILES = [
    ("criteria: [{check: nope}]", "criteria.0: 'check' debe ser uno de 'schema'"),
    ("criteria: [{rubric: x}]", "criteria.0: falta 'check'"),
    ("delegates: [A b]", "'A b' no sirve; usa el nombre del agente"),
    ("output: {type: object, properties: []}", "no es JSON Schema («[] no es del tipo 'object'»)"),
    ("criteria: [{check: schema, schema: {type: 5}}]", "(«5 no encaja en ninguno de los esquemas»)"),
    ("role: executor: x", "no es YAML («aquí no puede ir un valor con dos puntos»)"),
    ("tools: [a", "no es YAML («hacía falta una coma o ]"),
    ("frugal_model: 2026-99-99", "(«el mes debe ser de 1 a 12»)"),
]
OTHERS = [
    ("templates apply", TEMPLATE + "parameters: {a: {type: integer, default: x}}\nprofile: {role: '{{a}}'}\n",
     "el valor por defecto no sirve («debe ser un número entero de 0 a"),
    ("playbooks validate", PLAYBOOK + "goal: g\ntasks: [{id: a, objective: o, criteria: [{check: zz}]}]\n",
     "'check' debe ser uno de 'schema'"),
    ("agents evaluate writer --set", PLAYBOOK.replace("Playbook", "EvaluationSet") + "agent: writer\n"
     "cases: [{name: a, input: g, checks: {arithmetic: ['1 +']}}]\n",
     "no se puede calcular («'1 +': termina demasiado pronto»)"),
    ("run g --plan", '[["id",,]]', "no es JSON («falta un valor»)"),
    ("runs replay --recording", "x", "de una ejecución: no es JSON;"),
    ("runs replay --recording", json.dumps(RECORDING), "de una ejecución: format: debe ser texto;"),
    ("router import", "{", "el texto se acaba antes de tiempo: línea 1, columna"),
    ("router import", "{}", "enrutador: falta 'format';"),
    ("router import", json.dumps({**STATE, "types": 5}), "uno de sus miembros tiene otra forma;"),
    ("router import", json.dumps({**STATE, "explore": 1}), "`explore` no es true ni false;"),
    ("openapi add --name n", api({"$ref": "#/paths/~1a/get"}), "lleva a sí misma"),
    ("openapi add --name n", api(parameter(5)), "(«un esquema es un objeto»)"),
    ("openapi add --name n", api(parameter({"type": "zz"})),
     "(«su esquema no se puede usar: 'zz' no encaja en ninguno de los esquemas»)"),
    ("openapi add --name n", api({}, "a"), "(«una ruta empieza por una barra»)"),
    ("openapi add --name n", '{"a":,}', "«no es JSON: falta un valor»"),
]  # fmt: skip
TOOL_FILES = [
    ("mcp", "servers: {a: {}}", "indica command (una lista de palabras) o url"),
    ("mcp", "servers: {a: {url: 'ftp://x'}}", "ftp://… no es una dirección web sin usuario"),
    ("mcp", "servers: {a: {command: [x], scopes: [zz]}}", "no existe el alcance 'zz'; existen runs:read"),
    ("mcp", "servers: {a: {command: [x], price_usd: 1, retries: 1}}", "cada intento con una herramienta"),
    ("mcp", "servers: [", "no es YAML: hacía falta un valor, pero hay"),
    ("openapi", "apis: {a: {document: ../x}}", "document es un archivo de la carpeta tools"),
    ("connections", "connections: {a: {kind: oauth}}", "oauth necesita authorize_url, token_url, client_id"),
]
FUNCTIONS = [
    ("@skill()\ndef a(x: int) -> int: ...\n", "a necesita una docstring"),
    ("@skill(effect='zzz')\ndef a():\n    'd'\n", "a: effect es read, idempotent u once, no 'zzz'"),
    ("@skill(effect='once', retries=1)\ndef a():\n    'd'\n", "a: lo que actúa una sola vez no se vuelve"),
    ("@skill()\ndef a(x):\n    'd'\n", "a: el parámetro 'x' necesita un tipo"),
    ("import nothing_here\n", "no existe el módulo 'nothing_here'"),
]
BODIES: list[tuple[str, dict[str, object], str]] = [
    ("/v1/runs", {"goal": "g", "plan": [{"id": "a", "criteria": [{"check": "zz"}]}]}, "'check' debe ser uno"),
    ("/v1/agents", {"text": AGENT + "guardrails: [5]"}, "debe ser una tabla de campos, no 5"),
    ("/v1/router/state", STATE | {"routes": [{"agent": "a"}]}, "enrutador: falta 'type';"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("faults") / "home")


@pytest.fixture(scope="module")
def server(home: Path) -> Generator[Server]:
    with up(home, environment()) as running:
        yield running


def is_told(home: Path, *arguments: str, words: str) -> None:
    done = flowmatik("--home", str(home), "--lang", "es", *arguments)
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    in_spanish(text, words)


def in_spanish(text: str, words: str) -> None:
    assert words in text, text
    assert ENGLISH.findall(own_words(re.sub("[«»]", " ", text))) == [], text


@pytest.mark.parametrize(("line", "words"), PROFILES, ids=[one for one, _ in PROFILES])
def test_a_profile(line: str, words: str, home: Path) -> None:
    file = home / "wrong.yaml"
    file.write_text(AGENT + line)
    is_told(home, "agents", "validate", str(file), words=words)


@pytest.mark.parametrize(("command", "text", "words"), OTHERS, ids=[f"{one[0]}-{one[2]}" for one in OTHERS])
def test_a_file_that_is_given(command: str, text: str, words: str, home: Path) -> None:
    file = home / "wrong.json"
    file.write_text(text)
    is_told(home, *command.split(), str(file), words=words)


@pytest.mark.parametrize(("kind", "text", "words"), TOOL_FILES, ids=[one[2] for one in TOOL_FILES])
def test_a_file_of_tools(kind: str, text: str, words: str, home: Path) -> None:
    file = home / "tools" / f"{kind}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    try:
        is_told(home, kind, "list", words=words)
    finally:
        file.unlink()


@pytest.mark.parametrize(("text", "words"), FUNCTIONS, ids=[one for _, one in FUNCTIONS])
def test_a_function_of_a_skill(text: str, words: str, home: Path) -> None:
    folder = home / "own" / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tools.py").write_text(SKILL + text)
    is_told(home, "skills", "validate", str(folder), words=words)


def test_an_option(home: Path) -> None:
    line = ("approvals", "approve", "x", "--arguments", "{a")
    is_told(home, *line, words="--arguments no es JSON: hacía falta una clave entre comillas dobles")


def test_a_skill_file(home: Path) -> None:
    folder = home / "own" / "told"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: told: x\n---\n")
    is_told(home, "skills", "validate", str(folder), words="aquí no puede ir un valor con dos puntos")


@pytest.mark.parametrize(("path", "body", "words"), BODIES, ids=[one[0] for one in BODIES])
def test_a_body(path: str, body: dict[str, object], words: str, server: Server) -> None:
    method = "PUT" if path.startswith("/v1/router") else "POST"
    headers = {**server.headers, "Accept-Language": "es"}
    answer = httpx.request(method, f"{server.url}{path}", json=body, headers=headers, timeout=60)
    assert answer.status_code == 422, answer.text
    in_spanish(answer.json()["detail"], words)


def test_the_file_of_settings(home: Path) -> None:
    file = home / "flowmatik.toml"
    before = file.read_text()
    file.write_text("[models\n")
    try:
        is_told(
            home, "runs", "list", words="(«falta ] al final del nombre de una tabla (línea 1, columna 8)»)"
        )
    finally:
        file.write_text(before)
