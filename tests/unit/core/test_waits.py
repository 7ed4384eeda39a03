"""Tasks that wait for a time, a signal or a webhook, and cost nothing meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.waits import Hook
from flowmatik.core.brain import plan
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PlanInvalid
from flowmatik.security.hooks import SignedHooks
from tests.unit.core.engines import echo_tools, eventually, running_engine
from tests.unit.core.resting import WS, Ahead, begun, ended, output, rested, told, waiting


async def test_a_task_waits_for_a_time_and_the_next_one_goes_on_then() -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    step = PlanTask(id="s", objective="", tool="echo", needs=("w",))
    async with running_engine(journal=journal, clock=clock) as engine:
        run_id = await begun(engine, waiting("w", "time", seconds=3600), step)
        view = await engine.runs.get(WS, run_id)
        assert (view.status, view.waiting_for) == (RunStatus.WAITING, "time")
        assert [wait.task_id for wait in view.waits] == ["w"]
        clock.put_on(3600)
        view = await ended(engine, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert view.waits == ()
    events = await told(journal, run_id)
    assert events.index("WaitBegun") < events.index("WaitEnded") < events.index("CallRequested")


async def test_a_moment_that_has_passed_is_waited_for_no_longer() -> None:
    clock = Ahead()
    async with running_engine(journal=InMemoryJournal(clock), clock=clock) as engine:
        run_id = await begun(engine, waiting("w", "time", until="2020-01-31T08:00:00Z"))
        assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED


async def test_the_data_of_a_signal_is_the_output_of_the_task_that_waits_for_it() -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal) as engine:
        run_id = await begun(engine, waiting("w", "signal", name="paid"))
        assert (await engine.runs.get(WS, run_id)).waiting_for == "signal"
        await engine.signals.signal(WS, run_id, "other", 1)
        await engine.signals.signal(WS, run_id, "paid", {"amount": 3})
        view = await ended(engine, run_id)
    assert output(view, "w") == {"amount": 3}
    assert (await told(journal, run_id)).count("SignalReceived") == 1


async def test_signals_that_come_before_their_waits_are_kept_and_used_in_order() -> None:
    journal = InMemoryJournal(SystemClock())
    tasks = (
        waiting("first", "signal", name="go"),
        waiting("a", "signal", "first", name="x"),
        waiting("b", "signal", "a", name="x"),
    )
    async with running_engine(journal=journal) as engine:
        run_id = await begun(engine, *tasks)
        for n in (1, 2):
            await engine.signals.signal(WS, run_id, "x", n)
        await engine.signals.signal(WS, run_id, "go", None)
        view = await ended(engine, run_id)
    assert (output(view, "a"), output(view, "b")) == (1, 2)
    events = await told(journal, run_id)
    assert (events.count("SignalReceived"), events.count("WaitEnded")) == (2, 3)


async def test_of_two_waits_for_a_signal_the_one_that_began_first_gets_the_first() -> None:
    async with running_engine() as engine:
        run_id = await begun(engine, waiting("a", "signal", name="x"), waiting("b", "signal", name="x"))
        for n in (1, 2):
            await engine.signals.signal(WS, run_id, "x", n)
        view = await ended(engine, run_id)
    assert (output(view, "a"), output(view, "b")) == (1, 2)


@pytest.mark.parametrize(
    ("on_timeout", "status", "code"),
    [("fail", RunStatus.FAILED, "wait.timeout"), ("continue", RunStatus.SUCCEEDED, "")],
)
async def test_what_does_not_come_in_time_fails_its_task_or_is_nothing(
    on_timeout: str, status: RunStatus, code: str
) -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    wait = waiting("w", "signal", name="x", timeout_seconds=60, on_timeout=on_timeout)
    async with running_engine(journal=journal, clock=clock) as engine:
        run_id = await begun(engine, wait)
        clock.put_on(61)
        view = await ended(engine, run_id)
    assert (view.status, view.tasks[0].error_code, output(view, "w")) == (status, code, None)
    await told(journal, run_id)


async def test_a_timer_that_comes_after_the_signal_says_nothing() -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    wait = waiting("w", "signal", name="x", timeout_seconds=60)
    async with running_engine(journal=journal, clock=clock) as engine:
        run_id = await begun(engine, wait, waiting("v", "signal", "w", name="y"))
        await engine.signals.signal(WS, run_id, "x", 1)
        await rested(engine, run_id)
        clock.put_on(61)
        await asyncio.sleep(0.25)  # two looks at the timers
        await engine.signals.signal(WS, run_id, "y", 2)
        view = await ended(engine, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert (await told(journal, run_id)).count("WaitEnded") == 2


async def test_a_cancel_and_a_deadline_end_what_waits() -> None:
    clock = Ahead()
    async with running_engine(journal=InMemoryJournal(clock), clock=clock) as engine:
        one = await begun(engine, waiting("w", "signal", name="x"))
        other = await begun(engine, waiting("w", "signal", name="x"), deadline_seconds=60)
        await engine.runs.cancel(WS, one)
        cancelled = await ended(engine, one)
        clock.put_on(61)
        late = await ended(engine, other)
    assert (cancelled.status, late.error_code) == (RunStatus.CANCELLED, "run.deadline")
    assert cancelled.waits == late.waits == ()


async def test_a_wait_goes_on_in_the_next_process() -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    async with running_engine(journal=journal, clock=clock) as engine:
        timed = await begun(engine, waiting("w", "time", seconds=3600))
        told_of = await begun(engine, waiting("w", "signal", name="x"))
        await engine.signals.signal(WS, told_of, "y", "early")
    clock.put_on(3600)
    async with running_engine(journal=journal, clock=clock) as engine:
        await engine.signals.signal(WS, told_of, "x", "later")
        assert (await ended(engine, timed)).status is RunStatus.SUCCEEDED
        assert output(await ended(engine, told_of), "w") == "later"


async def test_the_same_key_is_the_same_signal_and_another_one_is_a_conflict() -> None:
    async with running_engine() as engine:
        run_id = await begun(engine, waiting("a", "signal", name="x"), waiting("b", "signal", name="x"))
        for _ in range(3):
            await engine.signals.signal(WS, run_id, "x", 1, idempotency_key="k")
        with pytest.raises(Conflict) as second:
            await engine.signals.signal(WS, run_id, "x", 2, idempotency_key="k")
        view = await rested(engine, run_id)
    assert second.value.code == "conflict.signal_key"
    assert [wait.task_id for wait in view.waits] == ["b"]


async def test_a_run_that_has_ended_or_is_another_workspaces_takes_no_signal() -> None:
    async with running_engine() as engine:
        run_id = await begun(engine, waiting("w", "signal", name="x"))
        with pytest.raises(NotFound):
            await engine.signals.signal("other", run_id, "x", 1)
        await engine.signals.signal(WS, run_id, "x", 1)
        await ended(engine, run_id)
        with pytest.raises(Conflict) as late:
            await engine.signals.signal(WS, run_id, "x", 1)
    assert late.value.code == "conflict.run_ended"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("not a name", 1, "input.signal.name"),
        ("x", "y" * 1_100_000, "input.signal.large"),
        ("x", {"deep": "\udc00"}, "input.signal.data"),
    ],
)
async def test_a_signal_that_cannot_be_kept_is_refused(name: str, data: Any, code: str) -> None:
    async with running_engine() as engine:
        run_id = await begun(engine, waiting("w", "signal", name="x"))
        with pytest.raises(InvalidInput) as error:
            await engine.signals.signal(WS, run_id, name, data)
    assert error.value.code == code


async def test_a_signal_that_is_nested_too_deeply_is_refused() -> None:
    deep: Any = 1
    for _ in range(120):
        deep = [deep]
    async with running_engine() as engine:
        run_id = await begun(engine, waiting("w", "signal", name="x"))
        with pytest.raises(InvalidInput) as error:
            await engine.signals.signal(WS, run_id, "x", deep)
    assert error.value.code == "input.signal.deep"


async def test_whoever_knows_the_address_of_a_webhook_ends_its_wait_once(tmp_path: Path) -> None:
    async with running_engine(hooks=SignedHooks(tmp_path)) as engine:
        run_id = await begun(engine, waiting("h", "webhook"), waiting("w", "signal", name="x"))
        view = await engine.runs.get(WS, run_id)
        assert view.waiting_for == "webhook"
        token = view.waits[0].address.removeprefix("/v1/hooks/")
        with pytest.raises(NotFound):
            await engine.signals.receive(token[:-1] + ("A" if token[-1] != "A" else "B"), {})
        await engine.signals.receive(token, {"ok": True})
        with pytest.raises(Conflict) as used:
            await engine.signals.receive(token, {"ok": False})
        view = await rested(engine, run_id)
    assert used.value.code == "conflict.hook_used"
    assert output(view, "h") == {"ok": True}


def test_a_token_is_made_with_the_home_s_own_key(tmp_path: Path) -> None:
    hook = Hook(workspace_id=WS, run_id="run_1", wait_id="wait_1")
    here = SignedHooks(tmp_path / "a")
    token = here.issue(hook)
    assert SignedHooks(tmp_path / "a").read(token) == hook
    assert SignedHooks(tmp_path / "b").read(token) is None
    assert [here.read(bad) for bad in ("", ".", "a.b", token + "x", "é.é", token.replace(".", ""))] == [
        None
    ] * 6
    assert (tmp_path / "a" / "webhooks.key").stat().st_mode & 0o777 == 0o600


async def test_two_thousand_waiting_runs_hold_no_driver_no_task_and_no_slot() -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    async with running_engine(journal=journal, clock=clock, tools=echo_tools(), concurrency=50) as engine:
        idle = len(asyncio.all_tasks())
        agreed = PlanTask(id="w", objective="", tool="echo", approval=ApprovalPolicy())
        kinds = (waiting("w", "time", seconds=3600), waiting("w", "signal", name="x"), agreed)
        runs = [await engine.runs.create(WS, NewRun(goal="x", plan=(kinds[n % 3],))) for n in range(2000)]

        async def left() -> bool:
            return not any(engine.engine.drives(run_id) for run_id in runs)

        await eventually(left, 60)
        heads = [await journal.head(WS, run_id) for run_id in runs]
        assert {(head.status, head.owner) for head in heads} == {("waiting", "")}
        assert len(asyncio.all_tasks()) == idle
        held = vars(engine.engine)
        assert (held["_drivers"], held["_claims"], held["_slots"].free) == ({}, {}, 50)
        assert await journal.ready(10) == []


GOOD: dict[str, Any] = {"kind": "signal", "name": "x"}


@pytest.mark.parametrize(
    ("wait", "code"),
    [
        ({"kind": "soon"}, "plan.wait_kind"),
        ({"kind": "time"}, "plan.wait_time"),
        ({"kind": "time", "seconds": 1, "until": "2026-01-31T08:00:00Z"}, "plan.wait_time"),
        ({"kind": "time", "seconds": -1.0}, "plan.wait_seconds"),
        ({"kind": "time", "seconds": float("inf")}, "plan.wait_seconds"),
        ({"kind": "time", "until": "tomorrow"}, "plan.wait_until"),
        ({"kind": "time", "until": "2026-01-31T08:00:00"}, "plan.wait_until"),
        ({"kind": "time", "seconds": 1, "timeout_seconds": 1}, "plan.wait_seconds"),
        ({"kind": "signal"}, "plan.wait_name"),
        ({"kind": "signal", "name": "a b"}, "plan.wait_name"),
        ({**GOOD, "seconds": 1}, "plan.wait_time"),
        ({**GOOD, "timeout_seconds": float("nan")}, "plan.wait_seconds"),
        ({**GOOD, "on_timeout": "shrug"}, "plan.wait_on_timeout"),
    ],
)
def test_a_plan_whose_wait_makes_no_sense_is_refused(wait: dict[str, Any], code: str) -> None:
    task = PlanTask(id="w", objective="", wait=WaitSpec(**wait))
    with pytest.raises(PlanInvalid) as error:
        plan.check((task,), (), frozenset())
    details: Any = error.value.context["details"]
    assert [detail["code"] for detail in details] == [code]


def test_a_task_that_waits_does_nothing_else() -> None:
    task = PlanTask(id="w", objective="", tool="echo", wait=WaitSpec(**GOOD))
    with pytest.raises(PlanInvalid, match="no tool, agent or skill"):
        plan.check((task,), (), frozenset({"echo"}))


async def test_a_webhook_that_has_waited_long_enough_takes_no_call(tmp_path: Path) -> None:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    hook = waiting("h", "webhook", timeout_seconds=60, on_timeout="continue")
    async with running_engine(journal=journal, clock=clock, hooks=SignedHooks(tmp_path)) as engine:
        run_id = await begun(engine, hook, waiting("w", "signal", "h", name="x"))
        token = (await engine.runs.get(WS, run_id)).waits[0].address.removeprefix("/v1/hooks/")
        clock.put_on(61)

        async def timed_out() -> bool:
            return "h" not in [wait.task_id for wait in (await rested(engine, run_id)).waits]

        await eventually(timed_out)
        with pytest.raises(Conflict) as late:
            await engine.signals.receive(token, {})
    assert late.value.code == "conflict.hook_used"
