"""The real engine in a simulated world: kills, stops, slow and cut lines, crashed and silent tools.

No run may be lost, no `once` effect doubled, no cap passed, no event missing; and each rule of the engine
that is taken away is missed in some seed.
"""

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.models import ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.engine import driver as driver_module
from flowmatik.core.engine import engine as engine_module
from flowmatik.core.engine import inputs, pause_inputs
from flowmatik.core.engine.brood import Brood
from flowmatik.core.engine.budgets import Payer, Reservation
from flowmatik.core.engine.driver import RunDriver
from flowmatik.core.engine.kin import Kin
from flowmatik.core.engine.money import Account
from flowmatik.core.journal.approval_records import ApprovalChange
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended, Input, NewEvent
from flowmatik.core.state import RunState
from tests.simulation.sabotage import fault_of
from tests.simulation.scenario import lived, simulate, story
from tests.simulation.weather import DOUBTS, HARD, RETIREMENTS
from tests.unit.core.broken import Hasty, ParksBlindly

ROOT = Path(__file__).parents[2]
SEEDS = 20_000
CHUNK = 500  # of which test.sh has several at a time


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_promises_hold_in_every_seed(first: int) -> None:
    faults = lived(range(first, first + CHUNK))
    assert not faults, "\n\n".join(faults[:3])


def test_a_seed_is_the_same_life_every_time() -> None:
    assert [story(simulate(seed)) for seed in range(20)] == [story(simulate(seed)) for seed in range(20)]


def test_processes_that_are_stopped_cleanly_leave_nothing_in_doubt() -> None:
    retirements = 0
    for seed in range(300):
        world = simulate(seed, weather=RETIREMENTS, hints=False)
        retirements += world.retirements
        assert not world.doubts, f"seed {seed}: {world.doubts}"
    assert retirements > 300


class WithoutFence(InMemoryJournal):
    async def append(self, append: Append) -> Appended:
        head = await self.head(None, append.run_id)
        run = self._run(append.run_id)
        run.owner = run.owner or "anybody"
        return await super().append(replace(append, epoch=head.epoch, expected_seq=head.head_seq))


class Unannounced(RunDriver):
    """Writes no intents down."""

    def _put(self, event: ev.Event, encoded: NewEvent | None = None) -> None:
        super()._put(event, encoded)
        if isinstance(event, ev.CallRequested):
            self._batch.pop()


class Generous(Account):
    """Settles what was spent and sets nothing aside before."""

    async def reserve(self, state: RunState, request: ModelRequest, payer: Payer) -> Reservation:
        await super().reserve(state, request, payer)
        return Reservation()


class Hurried(Account):
    """Refuses whatever would have to wait for money."""

    async def reserve(self, state: RunState, request: ModelRequest, payer: Payer) -> Reservation:
        answer = await super().reserve(state, request, payer)
        return Reservation(refusal="no money", values={"caps": "workspace"}) if answer.wait else answer


def test_a_journal_without_the_fence_is_noticed() -> None:
    assert fault_of(store=WithoutFence)


def test_a_seed_that_fails_says_with_which_command_it_is_lived_again() -> None:
    last = fault_of(store=WithoutFence, team=False).splitlines()[-1]
    assert last.startswith("Again: python -m tests.simulation --first ")
    command = [sys.executable, *shlex.split(last.removeprefix("Again: "))[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "1 seeds, 0 faults" in done.stdout) == (0, True), "here the fence is there"


def test_parking_without_a_look_at_the_inbox_is_noticed() -> None:
    fault = fault_of(store=ParksBlindly, weather=DOUBTS, team=False)
    assert "parked" in fault or "lost" in fault, fault


@pytest.mark.parametrize("driver", [Hasty, Unannounced])
def test_an_effect_without_a_durable_intent_is_noticed(
    monkeypatch: pytest.MonkeyPatch, driver: type[RunDriver]
) -> None:
    monkeypatch.setattr(engine_module, "RunDriver", driver)
    assert fault_of(team=False)


def test_money_that_is_settled_without_being_reserved_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "Account", Generous)
    assert " of " in fault_of()


def test_a_call_that_is_refused_though_it_would_fit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "Account", Hurried)
    assert "refused that would fit" in fault_of()


class Forgetful(Brood):
    """Believes that whatever an owner before it asked for is there."""

    async def recover(self) -> None:
        self._known = set(self._state.subs)


class Hard(Brood):
    """Leaves the children of a run that is stopped to themselves."""

    async def _bring(self, sub: ev.SubRunRequested) -> None:
        if not self._state.stopping:
            return await super()._bring(sub)
        self._stopped.add(sub.sub_id)
        self._running.pop(sub.sub_id, None)
        self._tell(None)


@pytest.mark.parametrize("brood", [Forgetful, Hard])
def test_sub_runs_that_are_not_brought_up_or_not_stopped_are_noticed(
    monkeypatch: pytest.MonkeyPatch, brood: type[Brood]
) -> None:
    monkeypatch.setattr(driver_module, "Brood", brood)
    fault = fault_of(team=False)
    assert "lost" in fault or "without its parent" in fault


def test_children_whose_ends_are_told_by_their_engine_alone_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(_: Kin) -> None:
        return

    monkeypatch.setattr(Kin, "sweep", nothing)
    assert "lost" in fault_of(team=False)


class Thrifty(InMemoryJournal):
    """Does not add to a run's cost what its children spend after it has ended."""

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        parent = self._runs.get(self._run(run_id).parent)
        before = parent.cost_micros if parent else 0
        told = await super().report(run_id, input_id, payload, cost_micros=cost_micros)
        if parent:
            parent.cost_micros = before
        return told


def test_what_children_cost_that_outlive_a_hard_cancel_is_missed_when_nobody_adds_it() -> None:
    assert "the sub-runs" in fault_of(store=Thrifty, weather=HARD, team=False)


class Obliging(InMemoryJournal):
    """Takes every decision, whatever was decided meanwhile."""

    async def decide_approval(self, change: ApprovalChange) -> bool:
        rows = vars(self._approvals)["_rows"]
        row = rows[change.approval_id]
        rows[change.approval_id] = replace(row, status="pending", version=change.version, expires_at=0.0)
        return await super().decide_approval(
            replace(change, input_id=f"{change.input_id}:{change.decided_by}")
        )


class Deaf(InMemoryJournal):
    """Loses the timers of waits."""

    async def append(self, append: Append) -> Appended:
        kept = tuple(timer for timer in append.timers if not timer.timer_id.startswith("wait:"))
        return await super().append(replace(append, timers=kept))


def test_a_store_that_lets_two_people_decide_is_noticed() -> None:
    assert fault_of(store=Obliging, team=False)


def test_a_run_that_never_wakes_is_noticed() -> None:
    assert "sleeps on" in fault_of(store=Deaf)


def test_an_effect_behind_a_denial_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here every denial is heard as an approval."""
    heard = pause_inputs.approval

    def misheard(item: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
        facts = heard(item, body, state)
        return [replace(f, decision="approve") if isinstance(f, ev.ApprovalDecided) else f for f in facts]

    monkeypatch.setitem(vars(inputs)["_READINGS"], "approval", misheard)
    assert fault_of()
