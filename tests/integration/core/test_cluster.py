"""Gateways, schedulers and workers over one PostgreSQL, with a Redis that may lose everything."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.dispatch_port import DISPATCH, Queue, ReadyRun
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.services import Role
from flowmatik.stores.redis import open_streams
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.core.cluster import Cluster, cluster
from tests.own_redis import free_port, own_redis
from tests.unit.core.engines import eventually

WS = "default"


class Till:
    """A tool that counts what it was asked, by run, and how many calls are open at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.rung: Counter[str] = Counter()
        self.open = 0
        self.most = 0
        self._seconds = seconds
        self.tools = FunctionTools({"ring": FunctionTool(function=self._ring, effect=Effect.ONCE)})

    async def _ring(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.rung[context.run_id] += 1
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(self._seconds)
        self.open -= 1
        return {"rung": True}


def order(n: int) -> NewRun:
    task = PlanTask(id="t", objective="", tool="ring", effect=Effect.ONCE)
    return NewRun(goal=f"ring {n}", plan=(task,))


async def ended(gateway: EngineHandle, run_ids: Sequence[str], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        views = await asyncio.gather(*(gateway.runs.wait(WS, run_id) for run_id in run_ids))
    assert {view.status for view in views} == {RunStatus.SUCCEEDED}


async def start(at: Cluster, *roles: Role) -> list[EngineHandle]:
    return [await at.start(role) for role in roles]


async def test_what_a_gateway_takes_is_driven_by_the_workers_once_each(
    pg_migrated: str, redis_url: str
) -> None:
    till = Till()
    async with cluster(pg_migrated, redis_url, till.tools) as at:
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER, Role.WORKER)
        made = await asyncio.gather(*(gateway.runs.create(WS, order(n)) for n in range(60)))
        await ended(gateway, made)
        assert till.rung == Counter(made)
        owners = {
            event.payload
            for run_id in made
            for event in await at.journal.read(run_id)
            if event.type == "RunClaimed"
        }
        assert len(owners) == 2, "one worker had all of them"


async def test_a_gateway_that_follows_a_run_is_told_of_each_event_as_it_comes(
    pg_migrated: str, redis_url: str
) -> None:
    till = Till()
    async with cluster(pg_migrated, redis_url, till.tools) as at:
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER)
        run_id = await gateway.runs.create(WS, order(1))
        followed = [event async for event in gateway.runs.events(WS, run_id, follow=True)]
        assert [event.seq for event in followed] == list(range(1, len(followed) + 1))
        assert followed[-1].type == "flowmatik.RunSucceeded"


async def test_a_redis_that_loses_everything_loses_no_run(pg_migrated: str, tmp_path: Path) -> None:
    till = Till(seconds=0.02)
    async with (
        own_redis(tmp_path) as redis,
        cluster(pg_migrated, redis.url, till.tools, concurrency=4) as at,
    ):
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER, Role.WORKER)
        made = await asyncio.gather(*(gateway.runs.create(WS, order(n)) for n in range(80)))
        await eventually(lambda: _has_rung(till, 10))
        await redis.stop()
        await redis.start()  # empty
        await eventually(lambda: _has_rung(till, 30))
        await redis.stop()
        await ended(gateway, made)
        assert till.rung == Counter(made)


async def _has_rung(till: Till, times: int) -> bool:
    return till.rung.total() >= times


async def test_without_redis_workers_look_for_themselves(pg_migrated: str) -> None:
    till = Till()
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with cluster(pg_migrated, nowhere, till.tools) as at:
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER)
        made = [await gateway.runs.create(WS, order(n)) for n in range(5)]
        await ended(gateway, made)
        assert not await at.journal.led(DISPATCH), "a scheduler that reaches nobody keeps the lead"


async def test_without_a_scheduler_workers_look_for_themselves(pg_migrated: str, redis_url: str) -> None:
    till = Till()
    async with cluster(pg_migrated, redis_url, till.tools) as at:
        gateway, *_ = await start(at, Role.GATEWAY, Role.WORKER, Role.WORKER)
        made = [await gateway.runs.create(WS, order(n)) for n in range(20)]
        await ended(gateway, made)
        assert till.rung == Counter(made)


async def test_an_offer_that_a_dead_worker_took_goes_to_another(pg_migrated: str, redis_url: str) -> None:
    till = Till()
    async with cluster(pg_migrated, redis_url, till.tools) as at:
        gateway, _ = await start(at, Role.GATEWAY, Role.SCHEDULER)
        streams = open_streams(redis_url, prefix=at.prefix)
        try:
            await at.journal.register_worker("wkr_dead", ttl_seconds=60, slots=8)  # room, and nobody
            run_id = await gateway.runs.create(WS, order(1))
            await eventually(lambda: _is_delivered(streams, "wkr_dead"))
            await at.journal.retire_worker("wkr_dead")
            await start(at, Role.WORKER)
            await ended(gateway, [run_id])
        finally:
            await streams.close()


async def test_the_runs_of_a_dead_worker_take_nobody_s_room(pg_migrated: str, redis_url: str) -> None:
    till = Till()
    async with cluster(pg_migrated, redis_url, till.tools, concurrency=2) as at:
        [gateway] = await start(at, Role.GATEWAY)
        await at.journal.register_worker("wkr_dead", ttl_seconds=60)
        made = [await gateway.runs.create(WS, order(n)) for n in range(6)]
        assert all([await at.journal.claim(run_id, "wkr_dead") for run_id in made])
        await at.journal.retire_worker("wkr_dead")
        await start(at, Role.SCHEDULER, Role.WORKER)
        await ended(gateway, made)
        assert till.rung == Counter(made)


async def _is_delivered(streams: Any, name: str) -> bool:
    return bool(await streams.read_group(["dispatch:offers"], "workers", name, count=5, wait_seconds=0))


async def test_no_more_runs_at_once_than_the_limit_of_their_workspace(
    pg_migrated: str, redis_url: str
) -> None:
    till = Till(seconds=0.01)
    async with cluster(pg_migrated, redis_url, till.tools) as at:
        await at.journal.set_limit(Limit(workspace_id=WS, scope="runs", most=3))
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER, Role.WORKER)
        made = await asyncio.gather(*(gateway.runs.create(WS, order(n)) for n in range(24)))
        await ended(gateway, made)
        assert till.most <= 3
        assert till.most > 1


async def test_a_limit_on_runs_holds_while_nobody_leads_and_redis_is_away(
    pg_migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every worker chooses for itself, each another run, by counts that are old before it comes to choose."""
    counted, told = PostgresJournal.underway, PostgresJournal.ready_queues

    async def mixed(journal: PostgresJournal, *given: Any, **more: Any) -> list[ReadyRun]:
        return [replace(run, priority=random.randrange(100)) for run in await told(journal, *given, **more)]

    async def late(journal: PostgresJournal) -> Mapping[Queue, int]:
        found = await counted(journal)
        await asyncio.sleep(0.4)
        return found

    monkeypatch.setattr(PostgresJournal, "underway", late)
    monkeypatch.setattr(PostgresJournal, "ready_queues", mixed)
    till = Till(seconds=0.2)
    async with cluster(pg_migrated, f"redis://127.0.0.1:{free_port()}/0", till.tools) as at:
        await at.journal.set_limit(Limit(workspace_id=WS, scope="runs", most=2))
        gateway, *_ = await start(at, Role.GATEWAY, *[Role.WORKER] * 4)
        made = await asyncio.gather(*(gateway.runs.create(WS, order(n)) for n in range(12)))
        await ended(gateway, made, seconds=120)
        assert till.most == 2
        assert till.rung == Counter(made)


async def test_a_single_run_is_not_behind_the_thousands_of_another_workspace(
    pg_migrated: str, redis_url: str
) -> None:
    till = Till(seconds=0.05)
    async with cluster(pg_migrated, redis_url, till.tools, concurrency=4) as at:
        gateway, *_ = await start(at, Role.GATEWAY, Role.SCHEDULER, Role.WORKER)
        noisy = await asyncio.gather(*(gateway.runs.create("noisy", order(n)) for n in range(400)))
        await eventually(lambda: _has_rung(till, 8))
        quiet = await gateway.runs.create(WS, order(0))
        before = till.rung.total()
        await ended(gateway, [quiet])
        assert till.rung.total() - before < 60, "it went with the crowd"
        assert till.rung.total() < len(noisy), "the crowd was too small to tell"
