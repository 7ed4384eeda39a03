"""Owners write snapshots beside their appends, and begin from them."""

import asyncio
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.fold import fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Claim, Snapshot, StoredEvent, Versions
from flowmatik.core.snapshots.bodies import state_in
from flowmatik.core.snapshots.keeping import Pace
from flowmatik.core.snapshots.version import fold_version
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import NoLoop, eventually, running_engine

WS = "default"
VERSION = fold_version(NoLoop())
SHORT = Pace(going=15, parking=5)


class Watched(InMemoryJournal):
    """Keeps what its claims and reads brought, and every snapshot that was saved."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.claims: list[Claim] = []
        self.saved: list[Snapshot] = []
        self.reads: list[int] = []
        self.away = False

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        claim = await super().claim(run_id, owner, fold_version=fold_version, versions=versions)
        self.claims += [claim] if claim else []
        return claim

    async def save_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        if self.away:
            raise JournalUnavailable("away")
        self.saved.append(snapshot)
        await super().save_snapshot(run_id, snapshot)

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        page = await super().read(run_id, after_seq=after_seq, limit=limit)
        self.reads.append(len(page))
        return page


class Gate:
    """A tool that holds the last step back until told; a `once` effect in doubt parks the run."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()

    def tools(self) -> FunctionTools:
        async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
            if arguments.get("last"):
                self.reached.set()
                await self.open.wait()
            return {"n": arguments["n"]}

        async def lose(arguments: dict[str, Any], context: ToolContext) -> Any:
            raise ConnectionResetError("nobody can tell")

        return FunctionTools(
            {"act": FunctionTool(function=act), "lose": FunctionTool(function=lose, effect=Effect.ONCE)}
        )


def steps(count: int, *, last: str = "act") -> tuple[PlanTask, ...]:
    """One after the other; the last one waits at the gate, or is in doubt."""
    chain = [
        PlanTask(id=f"s{n}", objective="", tool="act", arguments={"n": n}, needs=(f"s{n - 1}",) if n else ())
        for n in range(count)
    ]
    end = PlanTask(
        id="end", objective="", tool=last, arguments={"n": count, "last": True}, needs=(f"s{count - 1}",),
        effect=Effect.ONCE,
    )  # fmt: skip
    return (*chain, end)


async def test_a_killed_owner_leaves_a_snapshot_from_which_the_next_one_goes_on() -> None:
    journal, gate = Watched(), Gate()
    async with running_engine(journal=journal, tools=gate.tools(), pace=SHORT) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(20)))
        await asyncio.wait_for(gate.reached.wait(), 120)
    assert len(journal.saved) >= 3
    for one in journal.saved:
        assert state_in(one) == fold((await journal.read(run_id))[: one.seq], NoLoop())
    gate.open.set()
    async with running_engine(journal=journal, tools=gate.tools(), pace=SHORT) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.SUCCEEDED
        assert not (await engine.runs.replay(WS, run_id)).differences
    (claim,) = journal.claims  # the engine has stopped, and all that was under way has been written
    assert claim.snapshot is not None
    assert len(claim.events) < SHORT.going + 5
    assert await journal.snapshot(run_id, VERSION) is None, "an ended run has none"


async def test_a_run_that_parks_leaves_a_snapshot_with_all_that_came_before() -> None:
    journal = Watched()
    async with running_engine(
        journal=journal, tools=Gate().tools(), pace=Pace(going=1000, parking=5)
    ) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(5, last="lose")))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.IN_DOUBT
        await eventually(lambda: _saved(journal))
        (snapshot,) = journal.saved
        assert snapshot.seq == view.head_seq
        (call,) = view.in_doubt
        await engine.runs.resume(WS, run_id, resolutions={call.call_id: "done"})
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.SUCCEEDED
        (claim,) = journal.claims
        assert [event.type for event in claim.events] == ["RunClaimed"]


async def _saved(journal: Watched) -> bool:
    return bool(journal.saved)


async def test_a_short_run_gets_none_when_it_parks() -> None:
    journal = Watched()
    async with running_engine(journal=journal, tools=Gate().tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2, last="lose")))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert journal.saved == []


async def test_a_snapshot_that_cannot_be_written_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    journal, gate = Watched(), Gate()
    journal.away = True
    gate.open.set()
    async with running_engine(journal=journal, tools=gate.tools(), pace=SHORT) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(20)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED
    assert "a snapshot could not be written" in caplog.text


@pytest.mark.parametrize("body", ["{", '{"created":{}}'])
async def test_a_damaged_snapshot_is_dropped_and_the_history_folded(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal, gate = Watched(), Gate()
    async with running_engine(journal=journal, tools=gate.tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(20)))
        await asyncio.wait_for(gate.reached.wait(), 120)
    await InMemoryJournal.save_snapshot(journal, run_id, Snapshot(seq=60, fold_version=VERSION, body=body))
    gate.reached.clear()
    async with running_engine(journal=journal, tools=gate.tools()) as engine:
        view = await engine.runs.get(WS, run_id)
        assert len(view.tasks) == 21
        await asyncio.wait_for(gate.reached.wait(), 120)
        assert await journal.snapshot(run_id, VERSION) is None
        gate.open.set()
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.SUCCEEDED
        assert not (await engine.runs.replay(WS, run_id)).differences
    assert "a snapshot cannot be used" in caplog.text


async def test_looking_at_a_run_reads_no_more_than_what_followed_its_snapshot() -> None:
    journal, gate = Watched(), Gate()
    async with running_engine(journal=journal, tools=gate.tools(), pace=SHORT) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(20)))
        await asyncio.wait_for(gate.reached.wait(), 120)
        journal.reads.clear()
        view = await engine.runs.get(WS, run_id)
        assert view.head_seq > 60
        assert [task.status.value for task in view.tasks[:20]] == ["succeeded"] * 20
        assert sum(journal.reads) < SHORT.going + 5
