"""The engine broken on purpose: each property that other tests rely on is seen to fail without its cause.

A property is a function that raises AssertionError. It holds for the engine as it is, and the same
function finds the defect in an engine that lacks the rule.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.engine import engine as engine_module
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended, Creation, HeadChange, NewEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Fenced
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.broken import Hasty, ParksBlindly
from tests.unit.core.engines import running_engine

WS = "default"
Property = Callable[..., Awaitable[None]]
STEP = PlanTask(id="s", objective="", tool="act", arguments={}, effect=Effect.ONCE)


class SlowJournal(InMemoryJournal):
    """An append takes a few turns of the loop, as it does on a disk."""

    async def append(self, append: Append) -> Appended:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().append(append)


async def finds_the_defect(check: Property, *arguments: Any) -> None:
    with pytest.raises(AssertionError):
        await check(*arguments)


# --- an effect starts only once its intent is durable -----------------------------------------


async def every_effect_has_a_durable_intent() -> None:
    journal = SlowJournal(SystemClock())
    without: list[str] = []

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        stored = await journal.read(context.run_id)
        if not any(e.type == "CallRequested" and context.call_id in e.payload for e in stored):
            without.append(context.call_id)

    tools = FunctionTools({"act": FunctionTool(function=act, effect=Effect.ONCE)})
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,)))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert without == []


async def test_an_effect_before_its_intent_is_acknowledged_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await every_effect_has_a_durable_intent()
    monkeypatch.setattr(engine_module, "RunDriver", Hasty)
    await finds_the_defect(every_effect_has_a_durable_intent)


# --- a run parks only if it has seen its whole inbox --------------------------------------------


async def input_that_arrives_while_a_run_parks_wakes_it(journal: InMemoryJournal) -> None:
    """The post falls between the owner's last look at the inbox and its parking append."""
    claim = await _owned(journal)
    append = Append(
        run_id="run_1",
        workspace_id=WS,
        epoch=1,
        expected_seq=claim,
        append_id="park",
        events=(),
        head=HeadChange(status=RunStatus.WAITING.value),
        park_if_seen=0,
    )
    await journal.post("run_1", "cancel", "cancel", "{}")
    result = await journal.append(append)
    ready = await journal.ready(10)
    assert not result.parked or ready == ["run_1"], "the run is parked and nobody will look at its input"


async def test_parking_without_a_look_at_the_inbox_is_noticed() -> None:
    await input_that_arrives_while_a_run_parks_wakes_it(InMemoryJournal(SystemClock()))
    await finds_the_defect(input_that_arrives_while_a_run_parks_wakes_it, ParksBlindly(SystemClock()))


# --- the fence is the head row, not the primary key -------------------------------------------


async def an_owner_that_was_replaced_changes_nothing(journal: InMemoryJournal) -> None:
    seq = await _owned(journal)
    await journal.retire_worker("wkr_a")
    await journal.register_worker("wkr_b", ttl_seconds=60)
    taken = await journal.claim("run_1", "wkr_b")
    assert taken is not None
    stale = Append(
        run_id="run_1",
        workspace_id=WS,
        epoch=1,
        expected_seq=seq,
        append_id="stale",
        events=(),  # nothing that the primary key of the events could refuse
        head=HeadChange(status=RunStatus.FAILED.value, ended_at="2026-01-01T00:00:00Z"),
    )
    with contextlib.suppress(Fenced):
        await journal.append(stale)
    head = await journal.head(WS, "run_1")
    assert (head.owner, head.ended_at) == ("wkr_b", ""), "the old owner ended a run that another one drives"


class FencedByItsKeyAlone(InMemoryJournal):
    """Only two events of one seq collide."""

    async def append(self, append: Append) -> Appended:
        head = await self.head(None, append.run_id)
        if append.events and append.expected_seq < head.head_seq:
            raise Fenced("there is an event of that seq")
        return await super().append(replace(append, epoch=head.epoch, expected_seq=head.head_seq))


async def test_a_fence_on_the_primary_key_alone_is_noticed() -> None:
    await an_owner_that_was_replaced_changes_nothing(InMemoryJournal(SystemClock()))
    await finds_the_defect(an_owner_that_was_replaced_changes_nothing, FencedByItsKeyAlone(SystemClock()))


async def _owned(journal: InMemoryJournal) -> int:
    """The head seq of run_1, which wkr_a has just created."""
    await journal.register_worker("wkr_a", ttl_seconds=60)
    made = await journal.create(
        Creation(
            run_id="run_1",
            workspace_id=WS,
            goal="g",
            idempotency_key="",
            events=(NewEvent(type="RunCreated", payload="{}"),),
            owner="wkr_a",
        )
    )
    assert made.claim is not None
    return made.claim.head.head_seq
