"""What embeddings of an endpoint cost is set aside, settled and booked, and a budget that does not bear them
keeps them from being asked for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowmatik.app.embeddings import embedding_money
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.ledger import CostQuery
from flowmatik.contracts.paid_calls import on_behalf_of
from flowmatik.testing.openai_server import OpenAIServer, Step

WS = "default"
PRICED = '[prices]\n"embeddings/m" = { input = 3.0, output = 0.0 }\n'


def endpoint(server: OpenAIServer) -> dict[str, str]:
    return {
        "FLOWMATIK_EMBEDDINGS_BASE_URL": server.base_url,
        "FLOWMATIK_EMBEDDINGS_MODEL": "m",
        "FLOWMATIK_EMBEDDINGS_DIMENSIONS": "16",
    }


def home(folder: Path, settings: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "flowmatik.toml").write_text(settings)
    return folder


@asynccontextmanager
async def platform_with(folder: Path, server: OpenAIServer) -> AsyncGenerator[Platform]:
    settings = load_settings(home(folder, PRICED), endpoint(server))
    async with open_platform(settings, recover_all=False) as platform:
        yield platform


def note(folder: Path) -> Path:
    place = folder / "notes"
    place.mkdir(exist_ok=True)
    (place / "note.md").write_text("The harvester cost 300 euros in Jaén.")
    return place


async def test_embeddings_are_booked_by_the_tokens_that_the_endpoint_says(tmp_path: Path) -> None:
    with OpenAIServer(embeddings=(Step(usage=(100, 0)),)) as server:
        async with platform_with(tmp_path / "home", server) as platform:
            with on_behalf_of(WS, "usr_ana"):
                async for _ in platform.memory.ingest(WS, [note(tmp_path / "home")]):
                    pass
            report = await platform.ledger.costs(WS, CostQuery(by=("purpose", "served", "user")))
            [group] = report.items
            assert group.of == {"purpose": "embedding", "served": "embeddings/m", "user": "usr_ana"}
            calls = len(server.embedded)
            assert (group.costs.calls, group.costs.spent_micros) == (calls, 3 * group.costs.input_tokens)
            assert 0 < group.costs.spent_micros < group.costs.estimated_micros
            assert (await platform.ledger.check(WS)).differences == ()


async def test_a_budget_that_does_not_bear_embeddings_leaves_them_out_and_says_why(tmp_path: Path) -> None:
    with OpenAIServer(embeddings=(Step(usage=(100, 0)),)) as server:
        async with platform_with(tmp_path / "home", server) as platform:
            await platform.budgets.put(WS, Budget(scope="workspace", limit_micros=1))
            steps = [step async for step in platform.memory.ingest(WS, [note(tmp_path / "home")])]
            assert server.embedded == ()
            assert "embeddings/m" in repr(steps)
            assert (await platform.ledger.costs(WS, CostQuery())).total.calls == 0
            assert (await platform.memory.status(WS)).documents == 1


@pytest.mark.parametrize(
    ("address", "settings", "price"),
    [
        ("http://127.0.0.1:9/v1", "", 0),
        ("http://127.0.0.1:9/v1", PRICED, 300),
        ("https://api.openai.com/v1", "", 2),
        ("https://embeddings.example/v1", "", None),
    ],
)
def test_the_price_is_ones_own_else_nothing_here_else_that_of_the_list_else_unknown(
    tmp_path: Path, address: str, settings: str, price: int | None
) -> None:
    model = "text-embedding-3-small" if "openai" in address else "m"
    (tmp_path / "flowmatik.toml").write_text(settings)
    named = {
        "FLOWMATIK_EMBEDDINGS_BASE_URL": address,
        "FLOWMATIK_EMBEDDINGS_MODEL": model,
        "FLOWMATIK_EMBEDDINGS_DIMENSIONS": "8",
    }
    money = embedding_money(load_settings(tmp_path, named), WS)
    assert money is not None
    assert money.price(100) == price
