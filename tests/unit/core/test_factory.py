"""What a run makes of an agent that was composed for it: its own permissions, and never more."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.factory.policy import failed_too_often, tools_within
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.factory import FactoryRules
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect, ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.brain import plan
from flowmatik.core.brain.commands import RANK
from flowmatik.core.brain.factory import narrowed, without_skills
from flowmatik.core.replay import replay
from tests.histories.factory import MADE, composed, nobody_composed

NAMES = st.sets(st.sampled_from(["a", "b", "c", "d", "e"]))
EFFECTS = st.sampled_from(list(Effect))


def test_the_composed_agent_is_in_the_history_with_what_the_run_permits_and_does_both_tasks() -> None:
    player = composed(ev.DECISION_VERSION)
    made = [event for event in map(ev.decode, player.stored()) if isinstance(event, ev.AgentComposed)]
    assert [event.agent for event in made] == [replace(MADE, tools=("look",))]
    routed = [event for event in map(ev.decode, player.stored()) if isinstance(event, ev.TaskRouted)]
    assert [(event.task_id, event.agent) for event in routed] == [("t1", MADE.ref()), ("t2", MADE.ref())]
    assert player.state.status.value == "succeeded"
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_a_task_for_which_nobody_is_composed_fails_as_without_a_factory() -> None:
    player = nobody_composed(ev.DECISION_VERSION)
    assert (player.state.status.value, player.state.error_code) == ("failed", "route.none")
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


@given(NAMES, NAMES, NAMES, st.dictionaries(st.sampled_from("abcde"), EFFECTS), st.tuples(EFFECTS, EFFECTS))
def test_permissions_never_grow(
    allowed: set[str],
    wished: set[str],
    pinned: set[str],
    effects: dict[str, Effect],
    ceilings: tuple[Effect, Effect],
) -> None:
    """Whatever the policy allows and the agent names: its tools are the run's, below both ceilings."""
    most, of_task = ceilings
    specs = {
        name: ToolSpec(name=name, description="", parameters={}, effect=effects.get(name, Effect.READ))
        for name in "abcd"
    }
    policy = FactoryRules(tools=tuple(allowed), effect=most)
    tools = tools_within(policy, pinned, specs)
    assert set(tools) <= allowed & pinned
    assert all(RANK[specs[name].effect] <= RANK[most] for name in tools)
    run = {name: ev.PinnedTool(effect=specs[name].effect, timeout=1.0) for name in pinned if name in specs}
    task = PlanTask(id="t", objective="o", effect=of_task)
    agent = narrowed(replace(MADE, tools=tuple(sorted(wished | set(tools)))), run, task)
    assert set(agent.tools) <= run.keys()
    assert all(RANK[run[name].effect] <= RANK[of_task] for name in agent.tools)
    assert replace(agent, tools=MADE.tools) == MADE


def test_one_bad_beginning_retires_nobody_and_many_failures_do() -> None:
    policy = FactoryRules(floor_percent=50)
    assert [failed_too_often(policy, 0, failed) for failed in (1, 2, 3)] == [False, True, True]
    assert not failed_too_often(policy, 9, 3)
    assert not failed_too_often(FactoryRules(floor_percent=0), 0, 99)


def test_only_a_skill_that_is_named_may_be_lacking_and_only_with_a_factory() -> None:
    created = composed(ev.DECISION_VERSION).state.created
    tasks = tuple(PlanTask(id=f"t{n}", objective="o", skill=skill) for n, skill in enumerate(("poems", "")))
    found = plan.faults(tasks, created.agents, frozenset())
    assert len(found) == 2
    assert [one.values["task"] for one in without_skills(found, created)] == ["t1"]
    assert without_skills(found, replace(created, advisers=())) == found
    assert without_skills(found, replace(created, decision_version=5)) == found
