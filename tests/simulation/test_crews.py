"""Crews and conversations in simulated lives: every shape is met, and each rule of the Brain that is taken
away is missed in some seed."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion, LoopState
from flowmatik.contracts.limits import Limit
from flowmatik.contracts.runs import TaskStatus
from flowmatik.contracts.threads import ThreadMessage
from flowmatik.core import events as ev
from flowmatik.core import fold
from flowmatik.core.brain import adapting, routing, tasks
from flowmatik.core.brain.advice import key_of
from flowmatik.core.brain.commands import AskPeople, Command
from flowmatik.core.brain.endings import task_failed
from flowmatik.core.brain.patterns import delegating, handing
from flowmatik.core.engine import births, driver, effects
from flowmatik.core.engine.shared_throttle import SharedThrottle
from flowmatik.core.engine.throttle import Turn
from flowmatik.core.fold import guards
from flowmatik.core.journal.port import NewEvent
from flowmatik.core.pins import partners
from flowmatik.core.state import RunState, TaskState
from flowmatik.core.threads.store import ThreadStore
from tests.simulation import scenario, storms, world
from tests.simulation.redis import Losses
from tests.simulation.sabotage import fault_of
from tests.simulation.scenario import lives, simulate
from tests.simulation.weather import CALM

EVERY_SHAPE = (
    "advice cases", "advice failed", "advice playbooks", "advice routes", "advice thread",
    "approval escalated", "board read", "board written", "changed: adapt.left_out",
    "changed: adapt.loop", "changed: adapt.model", "changed: adapt.proposal", "delegated",
    "drafts agreed", "drafts differ", "gate passed", "guardrail approve", "guardrail deny",
    "guardrail escalate", "guardrail retry", "handed over", "judge", "message steered", "plan approve",
    "plan case", "plan model", "plan rejected", "proposal refused", "replan", "sent back",
    "tool refused", "tried again", "turn under a shared limit", "vote counted",
)  # fmt: skip


def test_lives_meet_every_shape_of_a_run_again_and_again() -> None:
    faults, met = lives(range(300))
    assert not faults, faults[0]
    assert {name: met[name] for name in EVERY_SHAPE if met[name] < 2} == {}


# --- plans that change ------------------------------------------------------------------------


def test_a_change_of_the_plan_that_forgets_finished_work_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = vars(fold)["_HANDLERS"]
    changed = handlers[ev.PlanChanged]

    def forget(state: RunState, event: ev.PlanChanged, loop: ReducerLoop) -> None:
        for name, task in state.tasks.items():
            if task.status is TaskStatus.SUCCEEDED and event.cause == "failure":
                state.tasks[name] = TaskState(spec=task.spec)
        changed(state, event, loop)

    monkeypatch.setitem(handlers, ev.PlanChanged, forget)
    assert "done again" in fault_of(team=True)


def test_a_plan_that_changes_though_nothing_comes_of_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unlike(task: TaskState) -> str:
        return task.spec.id

    monkeypatch.setattr(adapting, "MOST_STALE", 1000)
    monkeypatch.setattr(adapting, "signature", unlike)
    assert "changes in vain" in fault_of(team=True)


def test_what_a_reply_wishes_is_decided_about_at_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ONE_BY_ONE", (AskPeople,))
    monkeypatch.setattr(driver, "AT_ONCE", None)
    assert "replay decides otherwise" in fault_of(team=True)


def test_results_that_are_decided_about_unwritten_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwritten(outcome: ev.Event, _: NewEvent) -> ev.Event:
        return outcome

    monkeypatch.setattr(effects, "_as_read", unwritten)
    assert "replay decides otherwise" in fault_of(team=True)


def test_a_run_that_fails_for_want_of_advice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed = vars(routing)["_weighed"]

    def strict(state: RunState, task: TaskState, named: AgentVersion | None) -> list[Command]:
        told = state.advice.get(key_of(routing.PURPOSE, task.spec.id))
        if told is not None and told.error_code:
            return [task_failed(task, told.error_code, told.error)]
        return weighed(state, task, named)

    monkeypatch.setattr(routing, "_weighed", strict)
    assert "for want of advice" in fault_of(team=True)


# --- agents that ask others -------------------------------------------------------------------


def test_a_child_without_a_budget_of_its_own_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unbound(*_: object, **__: object) -> tuple[bool, int | None]:
        return False, None

    monkeypatch.setattr(delegating, "shared_out", unbound)
    assert "more than its parent has" in fault_of(team=True)


def test_a_child_that_gets_all_that_its_parent_has_left_again_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def generous(state: RunState, *_: Any, **__: Any) -> tuple[bool, int | None]:
        return False, state.created.budget_micros

    monkeypatch.setattr(delegating, "shared_out", generous)
    assert " of " in fault_of(team=True)


def test_an_agent_that_was_asked_and_keeps_all_its_rights_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(agents: Any, ref: str, *_: Any) -> tuple[AgentVersion, ...]:
        return tuple(partners([one for one in agents if ref in (one.name, one.ref())][:1], agents))

    monkeypatch.setattr(births, "narrowed", wide)
    assert "lacks: " in fault_of(team=True)


def test_a_task_that_goes_in_a_circle_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over = handing.handed_over

    def forgetful(state: RunState, task: TaskState, *more: Any) -> ev.Event | str:
        return handed_over(state, replace(task, handed=()), *more)

    monkeypatch.setattr(handing, "handed_over", forgetful)
    assert "in a circle" in fault_of(team=True)


# --- people -----------------------------------------------------------------------------------


def test_what_people_say_about_a_finding_and_nobody_hears_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unheard(*_: object) -> None:
        return

    monkeypatch.setattr(guards, "decided", unheard)
    fault = fault_of(team=True)
    assert "lost" in fault or "asked twice" in fault


class Forgetful(ThreadStore):
    """Of several messages that a turn answers it knows the last."""

    async def of_turn(self, workspace_id: str, thread_id: str, turn: int) -> list[ThreadMessage]:
        return (await super().of_turn(workspace_id, thread_id, turn))[-1:]


class Twice(ThreadStore):
    """Does not know that a run has taken a message in."""

    async def taken_in(self, workspace_id: str, thread_id: str, run_id: str, number: int) -> None:
        return


@pytest.mark.parametrize(
    ("store", "missed"),
    [(Forgetful, "is not answered"), (Twice, "was answered 2 times")],
)
def test_a_conversation_that_loses_doubles_or_turns_messages_is_noticed(
    monkeypatch: pytest.MonkeyPatch, store: type[ThreadStore], missed: str
) -> None:
    monkeypatch.setattr(world, "ThreadStore", store)
    assert missed in fault_of(team=True)


def test_a_message_that_a_run_takes_in_and_nobody_reads_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(
        _: ReducerLoop, agent: AgentVersion, state: LoopState, text: str, *, speaking: bool
    ) -> LoopState:
        del agent, text, speaking
        return state

    monkeypatch.setattr(ReducerLoop, "on_message", deaf)
    assert "nobody read" in fault_of(team=True)


# --- limits -----------------------------------------------------------------------------------


def _busiest(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How many models were at work at once, by seed, where one may be, in fair weather."""

    async def calm(*_: Any) -> None:
        return

    def nothing(*_: object) -> None:
        return

    def one_at_a_time(life: world.World, ws: str) -> list[Limit]:
        return [Limit(workspace_id=ws, scope=f"model:{life.model}", most=1)]

    monkeypatch.setattr(storms, "blow", calm)
    monkeypatch.setattr(storms, "clear", nothing)
    monkeypatch.setattr(world, "Losses", lambda: Losses(lost=0.0, doubled=0.0, late=0.0, reply_lost=0.0))
    monkeypatch.setattr(scenario, "limits_of", one_at_a_time)
    return Counter(simulate(seed, weather=CALM, hints=True, team=True).busiest for seed in range(8))


def test_a_limit_on_calls_holds_over_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(_busiest(monkeypatch)) == 1


def test_a_limit_that_each_process_counts_for_itself_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def alone(throttle: SharedThrottle, turn: Turn) -> float:
        return await vars(throttle)["_alone"].enter(turn)

    monkeypatch.setattr(SharedThrottle, "enter", alone)
    assert max(_busiest(monkeypatch)) > 1
