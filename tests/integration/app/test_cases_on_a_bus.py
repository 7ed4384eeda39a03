"""Cases from end to end: a gateway, a scheduler and a worker over PostgreSQL and Redis, and a scripted model
behind real HTTP. What worked is learned from the bus, planned by, and forgotten when it fails."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents.cases import LEARNS_FROM, CaseLearning, StoredCases
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.cases import Case
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.own_redis import own_redis
from tests.unit.core.engines import eventually

W = "default"
PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: gardener}
role: worker
summary: Knows how gardens are looked after.
instructions: Say what the garden needs.
skills: [gardening]
output:
  type: object
  required: [water]
  properties: {water: {type: number, maximum: 100}}
"""
PLANNING = "You plan how a goal is answered"
GOAL = "How much water does the garden of Cork need in 2025?"
PLAN: dict[str, Any] = {
    "reason": "one garden, one question",
    "tasks": [{"id": "water", "objective": GOAL, "skill": "gardening", "needs": []}],
    "alternatives": [],
}
GOOD, BAD = Step(text='{"water": 12}'), Step(text='{"water": 999}')
PLANS = Step(text=json.dumps(PLAN), when=PLANNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An installation as `flowmatik up --role …` starts it, its processes in one event loop."""

    gateway: Platform
    scheduler: Platform
    worker: Platform
    model: OpenAIServer

    async def run(self, goal: str) -> RunView:
        """As a caller of the gateway asks for it, once it has ended."""
        run_id = await self.gateway.runs.create(W, NewRun(goal=goal))
        view = await asyncio.wait_for(self.gateway.runs.wait(W, run_id), 120)
        assert view.status.ended
        assert not (await self.gateway.runs.replay(W, run_id)).differences
        return view

    async def known(self, succeeded: int, failed: int) -> Case:
        """The one case, once so many of its runs are counted."""
        found: list[Case] = []

        async def counted() -> bool:
            found[:] = await self.gateway.cases.list(W)
            return [(one.succeeded, one.failed) for one in found] == [(succeeded, failed)]

        await eventually(counted, 20)
        return found[0]


@asynccontextmanager
async def opened(folder: Path, environment: dict[str, str], model: OpenAIServer) -> AsyncGenerator[Parts]:
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    async with AsyncExitStack() as stack:
        started: dict[str, Platform] = {}
        for role in ("gateway", "scheduler", "worker"):
            settings = load_settings(folder, {**environment, "FLOWMATIK_ROLE": role})
            started[role] = await stack.enter_async_context(open_platform(settings, recover_all=True))
        await started["gateway"].agents.apply(W, PROFILE, filename="gardener.yaml")
        yield Parts(model=model, **started)


@pytest.fixture
async def parts(pg_database: str, tmp_path: Path) -> AsyncIterator[Parts]:
    with OpenAIServer(PLANS, GOOD) as model:
        async with own_redis(tmp_path) as redis:
            environment = {
                "FLOWMATIK_DATABASE_URL": pg_database,
                "FLOWMATIK_REDIS_URL": redis.url,
                "FLOWMATIK_MODEL_BASE_URL": model.base_url,
                "FLOWMATIK_MODEL": "custom/scripted",
            }
            async with opened(tmp_path, environment, model) as found:
                yield found


def plans_asked(model: OpenAIServer) -> int:
    return sum(PLANNING in json.dumps(call["body"]) for call in model.calls)


async def told_again(parts: Parts, *run_ids: str) -> None:
    """The bus promises to tell at least once: here it tells both the worker and the scheduler once more."""
    for platform in (parts.worker, parts.scheduler):
        assert isinstance(platform.cases, StoredCases)
        learn = CaseLearning(platform.engine.runs, platform.cases, None)
        ends = [[event async for event in platform.runs.events(W, run_id)][-1] for run_id in run_ids]
        assert {event.type for event in ends} <= LEARNS_FROM
        await asyncio.gather(*(learn(event) for event in (*ends, *ends)))


async def test_what_a_model_planned_is_learned_used_again_and_forgotten_when_it_fails(parts: Parts) -> None:
    first = await parts.run(GOAL)
    assert (first.status, first.planner) == (RunStatus.SUCCEEDED, "model")
    learned = await parts.known(1, 0)
    assert (learned.goal, learned.planner, learned.run_id) == (GOAL, "model", first.id)

    parts.model.tell(PLANS, GOOD)
    again = await parts.run(GOAL.replace("Cork", "Zaragoza").replace("2025", "2026"))
    assert (again.status, again.planner, again.plan_code) == (RunStatus.SUCCEEDED, "case", "by_case")
    assert again.tasks[0].objective == "How much water does the garden of Zaragoza need in 2026?"
    assert plans_asked(parts.model) == 0
    await parts.known(2, 0)

    await told_again(parts, first.id, again.id)
    await parts.known(2, 0)

    parts.model.tell(PLANS, BAD)
    for failures in range(1, 5):
        lost = await parts.run(GOAL.replace("Cork", "Lima"))
        assert (lost.status, lost.planner) == (RunStatus.FAILED, "case"), lost
        assert (await parts.known(2, failures)).retired == (failures == 4)

    parts.model.tell(PLANS, GOOD)
    planned_anew = await parts.run(GOAL)
    assert (planned_anew.planner, plans_asked(parts.model)) == ("model", 1)
    assert [one.code for one in planned_anew.declined if one.planner == "case"] == ["no_case"]
    assert not (await parts.known(1, 0)).retired
