"""A process that dies between any two steps of a run with sub-runs leaves a journal from which another one
brings the whole family to its end, each effect once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Journal
from flowmatik.core.services import EngineServices
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.simulation.lines import WorldClock
from tests.unit.core.engines import NoLoop, silent
from tests.unit.core.paid import in_virtual_time

WS = "default"
WRITES = ("create", "claim", "append", "post", "report")
MOST_WRITES = 200


class Mortal:
    """The journal of a process that dies with its `last` write: with the write done, or just before it."""

    def __init__(self, journal: InMemoryJournal, last: int, *, done: bool) -> None:
        self._journal = journal
        self._left = last
        self._done = done
        self._graves: list[asyncio.Future[None]] = []

    async def _for_ever(self) -> None:
        grave: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._graves.append(grave)  # what waits here must not be collected
        await grave

    @property
    def dead(self) -> bool:
        return self._left <= 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._journal, name)

        async def through(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                await self._for_ever()
            if name in WRITES:
                self._left -= 1
                if self.dead:
                    if self._done:
                        await method(*arguments, **named)
                    await self._for_ever()
            return await method(*arguments, **named)

        return through


class FarSide:
    """Sends once and for all, and can be asked whether it did."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.keys: set[str] = set()
        tool = FunctionTool(function=self._send, effect=Effect.ONCE, reconcile=self._ask)
        self.tools = FunctionTools({"send": tool})

    async def _send(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.sent[str(arguments["to"])] += 1
        self.keys.add(context.idempotency_key)
        return {"sent": arguments["to"]}

    async def _ask(self, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        known = context.idempotency_key in self.keys
        return Reconciled(state="found" if known else "void", result={"sent": arguments["to"]})


def send(to: Any) -> PlanTask:
    return PlanTask(id="s", objective="", tool="send", effect=Effect.ONCE, arguments={"to": to})


PLAN = (
    PlanTask(id="one", objective="", run=SubRunSpec(goal="one", plan=(send("one"),))),
    PlanTask(
        id="many",
        objective="",
        needs=("one",),
        map=MapSpec(
            items=["a", "b", "c"],
            run=SubRunSpec(goal="to {item}", plan=(send({"$item": ""}),)),
            concurrency=2,
        ),
    ),
)


def process(journal: object, blobs: InMemoryBlobs, far: FarSide) -> EngineHandle:
    return build_engine(
        EngineServices(
            journal=cast("Journal", journal),
            models=ScriptedModels(silent),
            tools=far.tools,
            catalogue=GivenAgents(()),
            loop=NoLoop(),
            clock=WorldClock(),
            blobs=blobs,
        )
    )


async def _lives(last: int, *, done: bool, cancel: bool = False) -> tuple[bool, str]:
    """What became of the run, and whether the first process died before its end."""
    journal, blobs, far = InMemoryJournal(WorldClock()), InMemoryBlobs(), FarSide()
    mortal = Mortal(journal, last, done=done)
    first = process(mortal, blobs, far)
    await first.start(recover_all=True)
    creating = asyncio.create_task(first.runs.create(WS, NewRun(goal="x", plan=PLAN)))
    await asyncio.sleep(30)
    died = mortal.dead
    creating.cancel()
    heads = await journal.list_heads(WS, status=None, before=None, limit=100)
    top = [head for head in heads if not head.parent]
    if not top:
        return died, "none"
    run_id = top[0].run_id
    if cancel and not top[0].ended_at:
        await journal.post(run_id, "cancel", "cancel", "{}")
    second = process(journal, blobs, far)
    await second.start(recover_all=True)
    view = await asyncio.wait_for(second.runs.wait(WS, run_id), 300)
    await asyncio.sleep(20)
    heads = await journal.list_heads(WS, status=None, before=None, limit=100)
    assert all(head.ended_at for head in heads), f"after write {last}: {heads}"
    assert all(times == 1 for times in far.sent.values()), f"after write {last}: {far.sent}"
    reports = [await second.runs.replay(WS, head.run_id) for head in heads]
    assert [report.differences for report in reports] == [()] * len(heads)
    if not cancel:
        assert view.status is RunStatus.SUCCEEDED, view
        assert far.sent == {"one": 1, "a": 1, "b": 1, "c": 1}
        assert len(heads) == 5
    await second.stop(grace_seconds=0)
    return died, view.status.value


def life(last: int, *, done: bool, cancel: bool = False) -> tuple[bool, str]:
    told: list[tuple[bool, str]] = []

    async def live() -> None:
        told.append(await _lives(last, done=done, cancel=cancel))

    in_virtual_time(live)
    return told[0]


@pytest.mark.parametrize("done", [True, False])
def test_a_kill_at_any_write_loses_no_sub_run_and_doubles_no_effect(done: bool) -> None:
    last = next(last for last in range(1, MOST_WRITES) if not life(last, done=done)[0])
    assert last > 20, "the first process did all of it"


def test_a_cancel_after_a_kill_at_any_write_leaves_no_child_behind() -> None:
    ends: Counter[str] = Counter()
    for last in range(1, MOST_WRITES):
        died, status = life(last, done=True, cancel=True)
        ends[status] += 1
        if not died:
            break
    assert ends["cancelled"] > 10, ends
