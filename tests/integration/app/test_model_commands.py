"""`flowmatik models …` on a home and on a server, in both languages, and who may on a server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.contracts.security import Principal
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.test_probing import ABLE
from tests.unit.core.engines import eventually

MODEL = "custom/scripted"
PRICED = '[embeddings]\nenabled = false\n[prices]\n"custom/scripted" = { input = 1.0, output = 2.0 }\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    platform: Platform
    model: OpenAIServer
    url: str
    key: str


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer(*ABLE) as server:
        yield server


@pytest.fixture
def named(model: OpenAIServer) -> dict[str, str]:
    return {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": MODEL}


@pytest.fixture
async def served(model: OpenAIServer, named: dict[str, str], tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text(PRICED)
    settings = load_settings(tmp_path, named)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        yield Served(platform=platform, model=model, url=server.url, key=read_local_token(settings))


async def command(
    served: Served, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    line = ["--url", served.url, "--api-key", served.key, "--json", *words]
    capsys.readouterr()
    code = await asyncio.to_thread(run_cli, line)
    return code, json.loads(capsys.readouterr().out)


async def test_models_of_a_server_are_listed_tested_probed_and_forgotten(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    code, listed = await command(served, capsys, "models", "list")
    [entry] = listed["items"]
    assert (code, entry["model"], entry["default"], entry["capabilities"]) == (0, MODEL, True, None)
    code, prices = await command(served, capsys, "models", "prices", MODEL, "local/extractive", "custom/x")
    told = [(one["input"], one["output"], one["currency"], one["source"]) for one in prices["items"]]
    assert told == [
        (1.0, 2.0, "USD", "own"),
        (0.0, 0.0, "USD", "free"),
        (None, None, "USD", "unknown"),
    ]
    code, refused = await command(served, capsys, "models", "prices", "nowhere/x")
    assert (code, refused["code"]) == (3, "model.unknown")
    code, tested = await command(served, capsys, "models", "test")
    [one] = tested["items"]
    assert (code, one["ok"], one["served_by"], one["cost_micros"]) == (0, True, MODEL, 25)
    code, refused = await command(served, capsys, "models", "probe")
    assert (code, refused["code"]) == (2, "input.probe_unasked")
    code, refused = await command(served, capsys, "models", "probe", "--yes", "--max-usd", "0.000001")
    assert (code, refused["code"]) == (5, "budget.probe")
    code, probed = await command(served, capsys, "models", "probe", "--yes", "--max-usd", "1")
    assert (code, {one["able"] for one in probed["verdicts"]}) == (0, {True})
    code, listed = await command(served, capsys, "models", "list")
    assert listed["items"][0]["capabilities"] == probed
    code, gone = await command(served, capsys, "models", "forget")
    assert (code, gone) == (0, {"answers": 0, "probes": 1})


async def test_a_servers_deployments_and_the_faults_of_its_list_are_told_and_a_mended_one_is_taken(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await command(served, capsys, "models", "health")
    assert (code, told["items"], told["list"]["file"]) == (0, [], "")
    path = served.platform.settings.models_path
    path.write_text("model_list:\n  - {model_name: near, model: local/extractive}\n")

    async def named(*names: str) -> bool:
        _, told = await command(served, capsys, "models", "health")
        return [one["name"] for one in told["items"]] == [*names]

    await eventually(lambda: named("near"), 120)
    path.write_text("model_list:\n  - {model_name: near, model: nowhere/x}\n")

    async def faulty() -> bool:
        _, listed = await command(served, capsys, "models", "list")
        return [one["code"] for one in listed["list"]["faults"]] == ["models.unconfigured"]

    await eventually(faulty, 120)
    assert await named("near")
    line = ["--url", served.url, "--api-key", served.key, "--lang", "es", "models", "health"]
    assert await asyncio.to_thread(run_cli, line) == 0
    shown = capsys.readouterr()
    assert "acepta llamadas" in shown.out
    assert "models.yaml:2:24" in shown.err
    assert "nowhere" in shown.err


async def test_deployments_that_only_others_called_are_not_shown(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    hello = (Message(role="user", content="Hello"),)
    for workspace, name in (("default", MODEL), ("b", "custom/of-the-others")):
        await served.platform.models.complete(
            ModelRequest(model=name, messages=hello, workspace_id=workspace)
        )
    _, told = await command(served, capsys, "models", "health")
    assert [one["name"] for one in told["items"]] == [MODEL]
    assert {one.name for one in served.platform.deployments.deployments()} == {MODEL, "custom/of-the-others"}


async def test_a_model_that_does_not_answer_is_told_with_its_reason(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.model.tell(Step(kind="error", status=400, message="no such thing"))
    code, tested = await command(served, capsys, "models", "test", MODEL, "nowhere/x")
    assert code == 6
    assert [(one["ok"], one["error"]) for one in tested["items"]] == [
        (False, "model.rejected"),
        (False, "model.unknown"),
    ]


async def test_a_home_says_the_same_in_spanish(
    model: OpenAIServer,
    named: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "flowmatik.toml").write_text(PRICED)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    line = ["--home", str(tmp_path), "--lang", "es", "models"]
    assert await asyncio.to_thread(run_cli, [*line, "probe", "--yes"]) == 0
    assert "✓ herramientas" in capsys.readouterr().out
    assert await asyncio.to_thread(run_cli, [*line, "list"]) == 0
    shown = capsys.readouterr()
    assert "Ventana" in shown.out
    assert MODEL in shown.out
    assert await asyncio.to_thread(run_cli, [*line, "prices"]) == 0
    assert "tus ajustes" in capsys.readouterr().out
    assert await asyncio.to_thread(run_cli, [*line, "test"]) == 0
    assert "respondió" in capsys.readouterr().out


async def test_only_administrators_spend_and_no_workspace_sees_anothers_probes(served: Served) -> None:
    identity = served.platform.identity
    headers: dict[str, dict[str, str]] = {}
    for name, workspace, scopes in (("reader", "default", {"agents:read"}), ("other", "b", {"admin"})):
        admin = Principal(id="a", name="a", workspace_id=workspace, scopes=frozenset({"admin"}))
        key = await identity.create_key(admin, name=name, scopes=tuple(scopes))
        headers[name] = {"Authorization": f"Bearer {key.secret}"}
    async with httpx.AsyncClient(base_url=served.url, timeout=120.0) as client:
        assert (await client.get("/v1/models", headers=headers["reader"])).status_code == 200
        for path in ("test", "probe", "forget"):
            refused = await client.post(f"/v1/models/{path}", headers=headers["reader"], json={})
            assert refused.status_code == 403, path
        assert (await client.get("/v1/models")).status_code == 401
        odd = {"model": "", "surprise": 1}
        assert (await client.post("/v1/models/test", headers=headers["other"], json=odd)).status_code == 422
        probed = await client.post("/v1/models/probe", headers=headers["other"], json={})
        assert probed.status_code == 200
        here = await client.get("/v1/models", headers=headers["reader"])
        there = await client.get("/v1/models", headers=headers["other"])
    assert here.json()["items"][0]["capabilities"] is None
    assert there.json()["items"][0]["capabilities"]["model"] == MODEL


async def test_a_kept_answer_is_given_again_by_the_platforms_gateway(served: Served) -> None:
    request = ModelRequest(
        model=MODEL, messages=(Message(role="user", content="Hello"),), workspace_id="default", cache=True
    )
    first = await served.platform.models.complete(request)
    again = await served.platform.models.complete(request)
    assert (first.cached, again.cached, again.cost_micros) == (False, True, 0)
    assert len(served.model.calls) == 1
    forgotten = await served.platform.model_access.forget("default")
    assert forgotten.answers == 1


WRONG = (
    (("prices", "nowhere/x"), 3, "no provider serves", "ningún proveedor ofrece"),
    (("test", "a@b@c"), 6, "give <provider>/<model>", "indica <proveedor>/<modelo>"),
    (("probe", "nowhere/x", "--yes"), 3, "no provider serves", "ningún proveedor ofrece"),
    (("probe", "local/extractive", "--max-usd", "abc"), 2, "US dollars", "dólares"),
    (("probe", "local/extractive", "--max-usd", "-1"), 2, "US dollars", "dólares"),
    (("list", "more"), 2, "too many arguments", "sobran argumentos"),
    (("nonsense",), 2, "there is no command", "no existe la orden"),
)


@pytest.mark.parametrize(("words", "code", "english", "spanish"), WRONG, ids=lambda one: str(one))
def test_what_cannot_be_asked_is_refused_in_both_languages(
    words: tuple[str, ...],
    code: int,
    english: str,
    spanish: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    for language, said in (("en", english), ("es", spanish)):
        assert run_cli(["--home", str(tmp_path), "--lang", language, "models", *words]) == code
        shown = capsys.readouterr()
        assert said in shown.out + shown.err
        assert "Traceback" not in shown.err
