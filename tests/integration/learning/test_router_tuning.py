"""The router's adviser while its classifiers are tuned, with the embedding model that comes along."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.advice import Question
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.memory import Embedder, LastLayers
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ConfigurationError, NotFound
from flowmatik.learning.routing import LearnedStore, RouteAdviser
from flowmatik.memory.embedders import all_minilm_l6_v2
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.agents import GivenAgents

EXAMPLES = {
    "clerk": (
        "where is my parcel",
        "the delivery is late",
        "track my shipment please",
        "my package never came",
        "when does the order arrive",
        "the courier left it at the wrong door",
    ),
    "cashier": (
        "send me the invoice",
        "I was charged twice",
        "what does this item on the bill mean",
        "pay by card",
        "how much do I owe you",
        "refund the payment to my account",
    ),
    "gardener": (
        "water the plants",
        "cut the hedge",
        "the lawn is too long",
        "plant roses by the door",
        "the tomatoes have brown leaves",
        "rake up what fell from the trees",
    ),
}
AGENTS = tuple(
    AgentVersion(
        name=name, version=f"{place:012x}", role="support", instructions="Answer.", examples=examples,
        summary=f"The {name}.",
    )
    for place, (name, examples) in enumerate(EXAMPLES.items())
)  # fmt: skip
OBJECTIVE = "my box has not been brought yet"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LearnedStore]:
    await upgrade(tmp_path / "journal.db")
    opened = SqliteStore(tmp_path / "journal.db")
    yield LearnedStore(SqliteDatabase(opened), SystemClock())
    await opened.close()


@pytest.fixture(scope="module")
def minilm() -> all_minilm_l6_v2.MiniLmEmbedder:
    return all_minilm_l6_v2.build(None)


def asked(workspace_id: str = "w") -> Question:
    arguments = {
        "agents": [agent.ref() for agent in AGENTS],
        "objective": OBJECTIVE,
        "skill": "",
        "task": "t",
    }
    return Question(workspace_id=workspace_id, run_id="run_1", arguments=arguments)


def shares(said: dict[str, Any]) -> dict[str, float]:
    return {row["agent"].split("@")[0]: row["examples"] for row in said["candidates"]}


async def test_decisions_do_not_wait_for_tuning_and_know_more_once_it_is_done(
    store: LearnedStore, minilm: all_minilm_l6_v2.MiniLmEmbedder
) -> None:
    adviser = RouteAdviser(GivenAgents(AGENTS), store, minilm)
    first = await adviser(asked())
    await adviser.tuned()
    later = await adviser(asked())
    assert shares(first) != shares(later)
    for said in (first, later):
        assert max(shares(said), key=shares(said).__getitem__) == "clerk"
        assert sum(shares(said).values()) == pytest.approx(1.0, abs=0.001)
    assert (later["confidence"], later["threshold"]) == (first["confidence"], first["threshold"])
    assert await adviser(asked()) == later
    await adviser.close()


async def test_closing_stops_what_is_being_tuned_and_nothing_begins_afterwards(
    store: LearnedStore, minilm: all_minilm_l6_v2.MiniLmEmbedder
) -> None:
    adviser = RouteAdviser(GivenAgents(AGENTS), store, minilm)
    first = await adviser(asked())
    await adviser.close()
    assert await adviser(asked()) == first
    await adviser(asked("other"))
    await adviser.close()


async def test_a_model_whose_file_has_gone_leaves_the_classifier_as_it_is(
    store: LearnedStore, minilm: all_minilm_l6_v2.MiniLmEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone:
        id, dimension = minilm.id, minilm.dimension
        embed, embed_layers, embed_tokens = minilm.embed, minilm.embed_layers, minilm.embed_tokens

        async def last_layers(self) -> LastLayers:
            raise ConfigurationError("gone", code="config.embedder.load")

    adviser = RouteAdviser(GivenAgents(AGENTS), store, Gone())
    first = await adviser(asked())
    with caplog.at_level(logging.WARNING):
        await adviser.tuned()
    assert await adviser(asked()) == first
    assert "a router's classifier stays as it is" in caplog.text


async def test_one_workspace_is_not_kept_waiting_by_anothers_agents(store: LearnedStore) -> None:
    free, asked_for = asyncio.Event(), asyncio.Event()

    class Slow(GivenAgents):
        failed = False

        async def list(self, workspace_id: str) -> list[AgentVersion]:
            if workspace_id == "slow":
                asked_for.set()
                await free.wait()
            if workspace_id == "failing" and not self.failed:
                self.failed = True
                raise NotFound("away", code="not_found.agent")
            return await super().list(workspace_id)

    without: Embedder | None = None
    adviser = RouteAdviser(Slow(AGENTS), store, without)
    waiting = [asyncio.create_task(adviser(asked("slow"))) for _ in range(2)]
    await asked_for.wait()
    assert (await asyncio.wait_for(adviser(asked()), 30))["count"] == len(AGENTS)
    assert not any(one.done() for one in waiting)
    waiting[0].cancel()  # who no longer waits takes nothing from who does
    free.set()
    assert (await waiting[1])["count"] == len(AGENTS)
    with pytest.raises(NotFound):
        await adviser(asked("failing"))
    assert (await adviser(asked("failing")))["count"] == len(AGENTS), "it is made again"
