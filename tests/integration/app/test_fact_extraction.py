"""Facts that a model reads are paid for: set aside before, booked after, refused where nobody bears them; on
the home, through the server, and from the command line."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.ledger import CostQuery
from flowmatik.contracts.threads import NewThread
from flowmatik.kernel.errors import BudgetExhausted, ModelMalformed
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_remembering import LOCAL, PROFILE, W
from tests.integration.app.test_threads import at_rest

PRICES = '[embeddings]\nenabled = false\n[prices]\n"custom/scripted" = { input = 3.0, output = 15.0 }\n'
FOUND = [
    {"number": 1, "subject": "user", "predicate": "owns", "value": "red bicycle", "quote": "my red bicycle"}
]
ANSWER = Step(text="Nice.")
READ = Step(text=json.dumps({"facts": FOUND}), usage=(100, 20))


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[OpenAIServer]:
    with OpenAIServer(*getattr(request, "param", (ANSWER, READ))) as server:
        yield server


@pytest.fixture
async def platform(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text(PRICES)
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    async with open_platform(load_settings(tmp_path, named), recover_all=True) as opened:
        await opened.agents.apply(W, PROFILE, filename="clerk.yaml")
        yield opened


async def said(platform: Platform) -> str:
    thread = await platform.threads.create(W, NewThread(agent="clerk", principal="local"))
    await platform.threads.send(W, thread.id, "They took my red bicycle at the station.", by="local")
    await at_rest(platform, thread, 2)
    return thread.id


async def booked(platform: Platform) -> list[tuple[str, int, int]]:
    """Who paid for what was extracted: calls, and micro-dollars."""
    query = CostQuery(by=("purpose", "user"))
    found = [
        one for one in (await platform.ledger.costs(W, query)).items if one.of["purpose"] == "extraction"
    ]
    return [(one.of["user"], one.costs.calls, one.costs.spent_micros) for one in found]


async def test_an_extraction_is_booked_on_the_one_who_asked_for_it(platform: Platform) -> None:
    thread = await said(platform)
    cost = await platform.fact_extraction.cost(LOCAL, thread)
    assert cost.most_micros
    [fact] = await platform.fact_extraction.extract(LOCAL, thread, most_micros=cost.most_micros)
    assert fact.value == "red bicycle"
    assert await booked(platform) == [("local", 1, 100 * 3 + 20 * 15)]
    assert (await platform.ledger.check(W)).differences == ()


async def test_a_budget_that_does_not_bear_it_asks_no_model(platform: Platform, model: OpenAIServer) -> None:
    await platform.budgets.put(W, Budget(scope="workspace", limit_micros=10**9))
    thread = await said(platform)
    await platform.budgets.put(W, Budget(scope="workspace", limit_micros=1))
    with pytest.raises(BudgetExhausted) as caught:
        await platform.fact_extraction.extract(LOCAL, thread, most_micros=10**9)
    assert caught.value.code == "budget.exhausted"
    assert len(model.calls) == 1
    assert (await platform.facts.list(LOCAL)).items == ()


@pytest.mark.parametrize(
    "model", [(ANSWER, Step(text="I found none, sorry.", usage=(100, 20)))], indirect=True
)
async def test_an_answer_that_cannot_be_read_is_paid_for_all_the_same(platform: Platform) -> None:
    thread = await said(platform)
    with pytest.raises(ModelMalformed):
        await platform.fact_extraction.extract(LOCAL, thread, most_micros=10**9)
    assert await booked(platform) == [("local", 1, 600)]


async def test_through_the_server_and_the_command_line_it_is_the_same(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = await said(platform)
    async with serve_platform(platform, host="127.0.0.1", port=0) as server:
        key = await asyncio.to_thread(read_local_token, platform.settings)
        remote = RemoteBackend(server.url, key, language="en")
        cost = await remote.fact_extraction.cost(remote.principal, thread)
        assert cost == await platform.fact_extraction.cost(LOCAL, thread)
        with pytest.raises(BudgetExhausted) as caught:
            await remote.fact_extraction.extract(remote.principal, thread, most_micros=1)
        assert caught.value.code == "budget.facts"
        await remote.close()
        async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as http:
            wrong = await http.post("/v1/facts/extraction", json={"thread": thread, "max_usd": -1})
            assert wrong.status_code == 422
            unknown = await http.post("/v1/facts/extraction", json={"thread": "thr_none", "max_usd": 1})
            assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found.thread")

        line = ["--url", server.url, "--api-key", key, "--json", "--lang", "en", "facts", "extract", thread]
        capsys.readouterr()
        assert await asyncio.to_thread(run_cli, line) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["messages"], told["most_usd"]) == (1, (cost.most_micros or 0) / 1_000_000)
        assert await asyncio.to_thread(run_cli, [*line, "--max-usd", "1"]) == 0
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert [one["value"] for one in found["items"]] == ["red bicycle"]
    assert [calls for _, calls, _ in await booked(platform)] == [1]
