"""Who cancels a run stops its spending: the model is left at once, asked no more, and the cost is bounded by
what the provider can have charged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.budgets import Budget
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_odd_usage import PROFILE, SETTINGS
from tests.unit.core.engines import eventually

WORDS = "word " * 2_000
Cancel = Callable[[Platform, str], Awaitable[None]]


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer(Step(text=WORDS, piece_seconds=0.05)) as server:
        yield server


@pytest.fixture
async def platform(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text(SETTINGS)
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    async with open_platform(load_settings(tmp_path, named), recover_all=True) as opened:
        await opened.agents.apply("default", PROFILE, filename="clerk.yaml")
        yield opened


async def softly(platform: Platform, run_id: str) -> None:
    await platform.runs.cancel("default", run_id, reason="enough")


async def hard(platform: Platform, run_id: str) -> None:
    await platform.control.cancel_hard("default", run_id, reason="enough")


async def cancelled_while_it_writes(platform: Platform, model: OpenAIServer, cancel: Cancel) -> RunView:
    run_id = await platform.runs.create("default", NewRun(goal="g", agent="clerk"))
    async with platform.deltas.watch("default", run_id) as deltas:
        await asyncio.wait_for(anext(deltas), 120)  # it is being written
    assert model.watch.going == 1
    await cancel(platform, run_id)
    view = await asyncio.wait_for(platform.runs.wait("default", run_id), 120)

    async def is_left() -> bool:
        return model.watch.going == 0

    await eventually(is_left, 120)
    assert view.cost_micros is not None
    return view


@pytest.mark.parametrize("cancel", [softly, hard])
async def test_a_cancelled_run_leaves_its_model_in_the_middle_of_a_word(
    platform: Platform, model: OpenAIServer, cancel: Cancel
) -> None:
    view = await cancelled_while_it_writes(platform, model, cancel)
    assert view.status is RunStatus.CANCELLED
    assert (model.watch.left, len(model.calls)) == (1, 1)  # left early, and not asked again
    events = [event async for event in platform.runs.events("default", view.id)]
    (reserved,) = [one.data["reserved_micros"] for one in events if one.type == "flowmatik.CallRequested"]
    assert 0 < (view.cost_micros or 0) <= reserved  # nobody knows what was charged
    assert not (await platform.runs.replay("default", view.id)).differences


async def test_of_what_a_cancelled_run_had_set_aside_only_its_cost_stays_taken(
    platform: Platform, model: OpenAIServer
) -> None:
    await platform.budgets.put("default", Budget(scope="workspace/day", limit_micros=1_000_000))
    view = await cancelled_while_it_writes(platform, model, softly)
    (use,) = await platform.budgets.list("default")
    assert (use.reserved_micros, use.spent_micros) == (0, view.cost_micros)
    assert use.left_micros == 1_000_000 - (view.cost_micros or 0)
