"""A model that orders what searches find is paid for, and a search goes on without it."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.ledger import CostQuery
from flowmatik.contracts.memory import Search
from flowmatik.testing.openai_server import OpenAIServer, Step

W = "default"
SETTINGS = """[embeddings]
enabled = false
[memory]
reranker_model = "custom/scripted"
[prices]
"custom/scripted" = { input = 3.0, output = 15.0 }
"""
ASKED = Search(query="When does the gate open?")


def scored(*scores: object) -> Step:
    rows = [{"number": n, "score": score} for n, score in enumerate(scores, start=1)]
    return Step(text=json.dumps({"scores": rows}), usage=(100, 20))


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[OpenAIServer]:
    with OpenAIServer(*request.param) as server:
        yield server


@pytest.fixture
async def platform(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text(SETTINGS)
    folder = tmp_path / "papers"
    folder.mkdir()
    for name, text in (("a", "The gate gate opens."), ("b", "The gate opens at seven."), ("c", "A gate.")):
        (folder / f"{name}.md").write_text(f"# Paper\n\n{text}\n")
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    async with open_platform(load_settings(tmp_path, named), recover_all=True) as opened:
        async for _ in opened.memory.ingest(W, [folder]):
            pass
        yield opened


async def order(platform: Platform) -> list[str]:
    return [one.source for one in (await platform.memory.find(W, ASKED)).items]


@pytest.mark.parametrize("model", [(scored(1, 2, 9.5),)], indirect=True)
async def test_what_the_model_scores_best_stands_first_and_is_booked(platform: Platform) -> None:
    own = [one.source for one in await platform.memory.search(W, ASKED.query)]
    found = await platform.memory.find(W, ASKED)
    assert [one.source for one in found.items] == [own[2], own[1], own[0]]
    assert dict(found.items[0].scores)["rerank"] == 0.95
    costs = (await platform.ledger.costs(W, CostQuery(by=("purpose",)))).items
    assert [(one.of["purpose"], one.costs.spent_micros) for one in costs] == [("rerank", 100 * 3 + 20 * 15)]


@pytest.mark.parametrize(
    "model",
    [
        (Step(text="I cannot say."),) * 5,
        (Step(text='{"scores": "none"}'),) * 5,
        (scored("high", None, True), scored("high", None, True)),
    ],
    indirect=True,
)
async def test_a_search_keeps_its_order_when_the_model_gives_no_scores(platform: Platform) -> None:
    own = [one.source for one in await platform.memory.search(W, ASKED.query)]
    assert await order(platform) == own


@pytest.mark.parametrize("model", [(scored(1, 2, 9),)], indirect=True)
async def test_a_budget_that_does_not_bear_it_asks_no_model(platform: Platform, model: OpenAIServer) -> None:
    await platform.budgets.put(W, Budget(scope="workspace", limit_micros=1))
    own = [one.source for one in await platform.memory.search(W, ASKED.query)]
    assert await order(platform) == own
    assert not model.calls
