"""Sub-runs of runs that are paused, cancelled hard, forked and tried again."""

import pytest

from flowmatik.contracts.control import NewFork
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.engine import kin
from flowmatik.kernel.errors import Conflict
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.test_subruns import WS, Gate, step, sub


async def test_a_paused_run_begins_no_sub_run_until_it_goes_on() -> None:
    gate = Gate()
    async with running_engine(tools=gate.tools) as engine:
        plan = (sub("one", step()), sub("two", step(), needs=("one",)))
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=plan))
        await eventually(lambda: _is(gate.inside == 1))
        await engine.control.pause(WS, run_id)

        async def waits(what: str) -> bool:
            return (await engine.runs.get(WS, run_id)).waiting_for == what

        await eventually(lambda: waits("unpause"))
        gate.open.set()

        async def heard() -> bool:
            view = await engine.runs.get(WS, run_id)
            return view.tasks[0].sub_runs is not None and view.tasks[0].sub_runs.succeeded == 1

        await eventually(heard)
        meanwhile = gate.inside
        await engine.runs.resume(WS, run_id)
        view = await engine.runs.wait(WS, run_id)
        report = await engine.runs.replay(WS, run_id)
    assert meanwhile == 1
    assert (view.status, gate.inside) == (RunStatus.SUCCEEDED, 2)
    assert report.differences == ()


async def test_a_hard_cancel_ends_the_run_at_once_and_the_sub_runs_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kin, "SWEEP_SECONDS", 0.05)
    gate = Gate()
    async with running_engine(tools=gate.tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=(sub("a", sub("b", step())),)))
        await eventually(lambda: _is(gate.inside == 1))
        await engine.control.cancel_hard(WS, run_id, reason="enough")

        async def over() -> bool:
            runs = (await engine.runs.list(WS)).items
            return all(run.status is RunStatus.CANCELLED for run in runs)

        await eventually(over)
        report = await engine.runs.replay(WS, run_id)
    assert report.differences == ()


async def test_a_fork_has_sub_runs_of_its_own_and_keeps_what_came_of_those_that_had_ended() -> None:
    gate = Gate()
    gate.open.set()
    async with running_engine(tools=gate.tools) as engine:
        plan = (sub("one", step()), sub("two", step(), needs=("one",)))
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=plan))
        await engine.runs.wait(WS, run_id)
        history = [one async for one in engine.runs.events(WS, run_id)]
        asked = [event.seq for event in history if event.type.endswith("SubRunRequested")]
        fork_id = await engine.control.fork(WS, run_id, NewFork(seq=asked[1], effects="allow"))
        view = await engine.runs.wait(WS, fork_id)
        report = await engine.runs.replay(WS, fork_id)
        runs = (await engine.runs.list(WS)).items
    assert (view.status, gate.inside, len(runs)) == (RunStatus.SUCCEEDED, 3, 5)
    assert report.differences == ()


async def test_a_run_whose_sub_run_was_stopped_along_with_it_can_be_tried_again() -> None:
    gate = Gate()
    async with running_engine(tools=gate.tools) as engine:
        run_id = await engine.runs.create(
            WS, NewRun(goal="outer", plan=(sub("one", step()),), deadline_seconds=0.2)
        )
        first = await engine.runs.wait(WS, run_id)
        gate.open.set()
        again = await engine.control.retry(WS, run_id)
        view = await engine.runs.wait(WS, again)
        report = await engine.runs.replay(WS, again)
    assert (first.status, view.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED)
    assert report.differences == ()


async def _is(truth: bool) -> bool:
    return truth


@pytest.mark.parametrize("effects", ["ask", "simulate"])
async def test_a_fork_that_cannot_hold_back_its_sub_runs_is_refused(effects: str) -> None:
    gate = Gate()
    gate.open.set()
    async with running_engine(tools=gate.tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=(sub("a", step()),)))
        await engine.runs.wait(WS, run_id)
        with pytest.raises(Conflict) as refused:
            await engine.control.fork(WS, run_id, NewFork(seq=2, effects=effects))
    assert refused.value.code == "conflict.fork_runs_within"
    assert gate.inside == 1
