"""Keys of providers and connections, and passwords of stores, stand nowhere that a process writes or says
anything: a whole platform, its server and its commands, while calls succeed and fail in every way."""

import asyncio
import base64
import io
import logging
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from flowmatik.app.logs import configure_logging
from flowmatik.app.metrics import Metrics
from flowmatik.app.models import open_gateway
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests import canaries
from tests.canaries import Place
from tests.e2e.cli import environment
from tests.e2e.within import flowmatik

# Not of a form that is hidden whatever it is: who knows the secret must hide it.
MODEL_KEY = "kanarie/modell7Qx+93"
CANARIES = {
    "the provider's key": MODEL_KEY,
    "another provider's key": "kanarieOpenai4Zr88",
    "the connection's key": "kanarieVerbindung5Tw21",
    "the connection's client secret": "kanarieKunde9Lm40",
    "the database's password": "kanarieDatenbank3Hv67",
    "the password in an address": "kanarieAdresse8Bd15",
}
CONNECTIONS = """
connections:
  mail: {kind: api_key, header: X-Key}
  crm:
    kind: oauth
    authorize_url: http://127.0.0.1:9/authorize
    token_url: http://127.0.0.1:9/token
    client_id: flowmatik
    client_secret: env:FLOWMATIK_CRM_SECRET
    scopes: [read]
"""
PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: worker
summary: Writes things.
instructions: Write it.
skills: [documents]
"""
ECHO = "Incorrect API key provided: {key}; sent as Authorization: Bearer {key}"
TEXT = "uno dos tres cuatro cinco seis siete ocho"
WAYS = (
    Step(text=TEXT, piece_seconds=0.01),
    Step(kind="error", status=401, message=ECHO),
    Step(kind="error", status=403, message=ECHO),
    Step(kind="error", status=400, message=ECHO),
    Step(kind="error", status=404, message=ECHO),
    Step(kind="error", status=500, message=ECHO),
    Step(kind="rate_limited", message=ECHO, retry_after=3600),
    Step(kind="overloaded", message=ECHO, retry_after=3600),
    Step(kind="stream_error", text=TEXT, message=ECHO),
    Step(kind="raw", text='{"error": "{key}"}'),
    Step(kind="raw", text="no JSON, and your key is {key}"),
    Step(kind="malformed"),
    Step(kind="wrong_shape"),
    Step(kind="cut_json", text=TEXT),
    Step(kind="truncated", text=TEXT),
    Step(kind="bad_chunk", text=TEXT),
    Step(kind="hung_up"),
    Step(kind="reset"),
    Step(kind="context_overflow"),
    Step(kind="no_choices"),
    Step(kind="silent"),
)


def name_of(step: Step) -> str:
    return f"{step.kind}-{step.status}" if step.kind == "error" else step.kind


def variables(model: OpenAIServer, **more: str) -> dict[str, str]:
    return {
        "FLOWMATIK_MODEL_BASE_URL": model.base_url,
        "FLOWMATIK_MODEL": "custom/scripted",
        "FLOWMATIK_MODEL_API_KEY": MODEL_KEY,
        "FLOWMATIK_MODEL_TIMEOUT_SECONDS": "1",
        "FLOWMATIK_OPENAI_API_KEY": CANARIES["another provider's key"],
        "FLOWMATIK_CRM_SECRET": CANARIES["the connection's client secret"],
        "FLOWMATIK_LOG_LEVEL": "debug",
        **more,
    }


def home(folder: Path) -> Path:
    (folder / ".flowmatik").mkdir(mode=0o700, parents=True)
    (folder / "tools").mkdir()
    (folder / "tools" / "connections.yaml").write_text(CONNECTIONS)
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    return folder


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What a process with these settings logs; the loggers are as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    filters = [(one, list(one.filters)) for one in (*handlers, logging.lastResort) if one]
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "httpx2", "httpcore2")}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for handler, before in filters:
        handler.filters[:] = before
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@asynccontextmanager
async def served(settings: Settings) -> AsyncGenerator[tuple[Platform, httpx.AsyncClient]]:
    metrics = Metrics()
    async with (
        open_platform(settings, recover_all=False, bus_users=(metrics.subscribe,)) as platform,
        serve_platform(platform, host="127.0.0.1", port=0, metrics=metrics) as serving,
    ):
        token = (settings.keys / "local-token").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=serving.url, headers=headers, timeout=60) as client:
            yield platform, client


async def one_run_a_way(
    platform: Platform, client: httpx.AsyncClient, model: OpenAIServer, ways: Sequence[Step]
) -> AsyncIterator[Place]:
    """All that a client is told, of runs that are watched while they go."""
    await platform.agents.apply("default", PROFILE, filename="clerk.yaml")
    secret = {"secret": CANARIES["the connection's key"]}
    yield canaries.answer(await client.put("/v1/connections/mail", json=secret))
    yield canaries.answer(await client.post("/v1/connections/crm/login", json={}))
    for step in ways:
        model.tell(step)
        created = await client.post("/v1/runs", json={"goal": f"g {name_of(step)}", "agent": "clerk"})
        assert created.status_code in (200, 201, 202), created.text
        run_id = created.json()["id"]
        async with asyncio.timeout(120):
            watched = await client.get(f"/v1/runs/{run_id}/events", params={"deltas": "true"})
            await platform.runs.wait("default", run_id)
        assert model.calls, "the way was gone"
        for answer in (created, watched, await client.get(f"/v1/runs/{run_id}")):
            yield canaries.answer(answer)
    for path in ("/v1/runs", "/v1/connections", "/metrics", "/healthz", "/readyz", "/openapi.json"):
        yield canaries.answer(await client.get(path))


async def test_no_secret_leaves_a_home_its_server_or_its_logs(tmp_path: Path, said: io.StringIO) -> None:
    folder = home(tmp_path / "home")
    with OpenAIServer(key=MODEL_KEY) as model:
        settings = load_settings(folder, variables(model))
        configure_logging(settings, said)
        async with served(settings) as (platform, client):
            places = [place async for place in one_run_a_way(platform, client, model, WAYS[::2])]
            places += canaries.files(folder)  # with the journal's log, while it is written
        places += canaries.files(folder)
    places.append(Place("the log", said.getvalue().encode()))
    _everything_was_there(places)
    assert canaries.found(CANARIES, places) == []


async def test_no_secret_stands_in_any_table_of_postgresql(
    tmp_path: Path, pg_migrated: str, said: io.StringIO
) -> None:
    folder, parts = home(tmp_path / "home"), urlsplit(pg_migrated)
    password = CANARIES["the database's password"]  # the tests' server trusts everybody
    place = f"{parts.username}:{password}@{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=place))
    with OpenAIServer(key=MODEL_KEY) as model:
        settings = load_settings(folder, variables(model, FLOWMATIK_DATABASE_URL=url))
        configure_logging(settings, said)
        async with served(settings) as (platform, client):
            places = [place async for place in one_run_a_way(platform, client, model, [WAYS[0], *WAYS[1::2]])]
        rows = [place async for place in canaries.tables(pg_migrated)]
        places += [*rows, *canaries.files(folder), Place("the log", said.getvalue().encode())]
    assert b"CallFailed" in b"".join(place.content for place in rows)
    assert canaries.found(CANARIES, places) == []


@pytest.mark.parametrize("step", WAYS[1:], ids=name_of)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_no_error_shows_the_key_in_its_words_its_causes_or_its_fields(
    step: Step, streamed: bool, tmp_path: Path
) -> None:
    with OpenAIServer(step) as model:
        gateway = open_gateway(load_settings(home(tmp_path / "home"), variables(model)), SkippingClock())
        request = ModelRequest(
            model="custom/scripted", messages=(Message(role="user", content="?"),), timeout=1.0
        )
        try:
            with pytest.raises(FlowmatikError) as raised:
                await _asked(gateway, request, streamed=streamed)
        finally:
            await gateway.close()
    assert canaries.found(CANARIES, [canaries.error(raised.value)]) == []


async def _asked(gateway: Any, request: ModelRequest, *, streamed: bool) -> None:
    if streamed:
        async for _ in gateway.stream(request):
            continue
    else:
        await gateway.complete(request)


@pytest.mark.parametrize("step", [WAYS[0], WAYS[3], WAYS[10]], ids=name_of)
def test_no_command_says_a_secret(step: Step, tmp_path: Path) -> None:
    folder = home(tmp_path / "home")
    places: list[Place] = []
    with OpenAIServer(step) as model:
        for command in (("run", "g"), ("--json", "run", "g"), ("doctor",)):
            done = flowmatik("--home", str(folder), *command, env=environment(**variables(model)))
            places.append(Place(" ".join(command), (done.stdout + done.stderr).encode()))
        assert model.calls
    assert all(place.content for place in places)
    assert canaries.found(CANARIES, [*places, *canaries.files(folder)]) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_settings_with_secrets_where_none_belong_are_refused_without_them(
    language: str, tmp_path: Path
) -> None:
    folder, secret = home(tmp_path / "home"), CANARIES["the password in an address"]
    wrong = (
        {"FLOWMATIK_MODEL_BASE_URL": f"http://user:{secret}@127.0.0.1:9/v1"},
        {"FLOWMATIK_MODEL_BASE_URL": f"ftp://user:{secret}@127.0.0.1:9/v1"},
        {"FLOWMATIK_MODEL_BASE_URL": f"http://user:{secret}@[h/v1"},
        {"FLOWMATIK_MODEL_BASE_URL": f"127.0.0.1:9/v1?key={secret}"},
        {"FLOWMATIK_MODEL_BASE_URL": f"http://127.0.0.1:9/v1?key={secret}"},
        {"FLOWMATIK_DATABASE_URL": f"mysql://user:{secret}@127.0.0.1:9/db"},
        {"FLOWMATIK_DATABASE_URL": f"postgresql://user:{secret}@127.0.0.1:9/db"},
        {"FLOWMATIK_MODEL_API_KEY": f"{secret}\n", "FLOWMATIK_MODEL_BASE_URL": "http://127.0.0.1:9/v1"},
        {"FLOWMATIK_OPENAI_API_KEY": f"ñ{secret}"},
    )
    for environ in wrong:
        for command in (("doctor",), ("run", "g"), ("--json", "run", "g")):
            done = flowmatik("--home", str(folder), "--lang", language, *command, env=environment(**environ))
            shown = Place(f"{command} {sorted(environ)}", (done.stdout + done.stderr).encode())
            assert shown.content
            assert canaries.found(CANARIES, [shown]) == []


def _everything_was_there(places: list[Place]) -> None:
    """The search would have had something to find."""
    whole = {place.name: place.content for place in places}
    assert b"CallFailed" in whole[".flowmatik/journal.db"] + whole.get(".flowmatik/journal.db-wal", b"")
    assert b"flowmatik_model_tokens" in whole["GET /metrics (200)"]
    assert b'"level": "debug"' in whole["the log"]
    assert b'"level": "debug", "logger": "openai' not in whole["the log"], "clients log what models are asked"
    assert b'"logger": "http' not in whole["the log"], "clients log whole addresses, and some carry keys"
    assert any("journal.db-wal" in place.name for place in places)


Hiding = Callable[[Path, str], None]


def in_text(file: Path, secret: str) -> None:
    file.write_text(f"before {secret} after")


def in_a_database(file: Path, secret: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (x BLOB)")
        connection.execute("INSERT INTO t VALUES (?)", (secret.encode(),))


def in_base64(file: Path, secret: str) -> None:
    for before in range(3):
        file.write_bytes(base64.b64encode(b"x" * before + secret.encode() + b"yz"))
        assert canaries.found({"s": secret}, [Place("f", file.read_bytes())]) == ["s in f"]


@pytest.mark.parametrize("hide", [in_text, in_a_database, in_base64])
@pytest.mark.parametrize("secret", list(CANARIES.values()))
def test_what_is_hidden_in_a_file_is_found(hide: Hiding, secret: str, tmp_path: Path) -> None:
    hide(tmp_path / "file", secret)
    assert canaries.found({"it": secret}, canaries.files(tmp_path)) == ["it in file"]
    assert canaries.found({"it": "something else"}, canaries.files(tmp_path)) == []


async def test_what_is_hidden_in_a_table_or_an_error_is_found(pg_database: str) -> None:
    secret = CANARIES["the connection's key"]
    connection: Any = await cast("Any", asyncpg).connect(pg_database)
    await connection.execute("CREATE TABLE t (a jsonb, b bytea)")
    await connection.execute("INSERT INTO t VALUES ($1, $2)", f'{{"k": "{secret}"}}', b"x")
    await connection.execute("CREATE TABLE u (b bytea)")
    await connection.execute("INSERT INTO u VALUES ($1)", secret.encode())
    await connection.close()
    places = [place async for place in canaries.tables(pg_database)]
    assert sorted(canaries.found({"it": secret}, places)) == ["it in public.t", "it in public.u"]
    with pytest.raises(RuntimeError) as raised:
        _raise(secret)
    assert canaries.found({"it": secret}, [canaries.error(raised.value)]) == ["it in RuntimeError raised"]


def _raise(secret: str) -> None:
    try:
        raise ValueError(secret)
    except ValueError as inner:
        raise RuntimeError("clean") from inner
