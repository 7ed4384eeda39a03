"""Planners: the order of a profile, what is validated before a plan runs, and what people may change."""

from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.agents import AgentVersion, Planning
from flowmatik.contracts.approvals import ApprovalPolicy, Verdict
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.plans import Condition, PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, TaskStatus
from flowmatik.contracts.security import Principal
from flowmatik.contracts.tools import Effect
from flowmatik.core.brain.plan_approvals import arguments_of
from flowmatik.core.brain.planners.adapting import Adapted, adapt
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, PlanInvalid
from flowmatik.testing.models import ScriptedModels
from tests.histories.planning import FOUND, PLANNER, POET, READER, Player, answered, new
from tests.unit.core.engines import running_engine

LOOK: dict[str, Any] = {"id": "a", "objective": "Who signs?", "skill": "documents"}
PERSON = Principal(id="usr_1", name="ana", workspace_id="w", scopes=frozenset({"approvals:decide"}))


def planned(order: tuple[str, ...], **more: Any) -> tuple[AgentVersion, ...]:
    return replace(PLANNER, planning=Planning(order=order, **more)), POET, READER


def by_playbook(player: Player, *tasks: dict[str, Any]) -> Player:
    player.succeed("plan", {"playbook": "p@1", "tasks": list(tasks)})
    return player


def test_the_order_of_the_profile_is_kept_and_who_declined_is_said() -> None:
    player = new(6, agents=planned(("case", "playbook")), advisers=("cases", "playbooks"))
    assert player.open("plan").name == "cases"
    player.succeed("plan", {"cases": []})
    by_playbook(player, LOOK)
    assert (player.state.planner, [one.code for one in player.state.declined]) == ("playbook", ["no_case"])


def test_a_plan_of_a_playbook_that_cannot_run_is_passed_over() -> None:
    player = by_playbook(new(6, advisers=("playbooks",)), {**LOOK, "skill": "painting"})
    player.succeed("recall", {"passages": []})
    player.succeed("recall_tables", {"tables": []})
    declined = {one.planner: one for one in player.state.declined}
    assert player.state.planner == "local"
    assert declined["playbook"].values["fault"]["code"] == "plan.skill"
    assert declined["model"].code == "no_model"


@pytest.mark.parametrize(
    ("task", "more", "code", "words"),
    [
        ({"effect": "once"}, {"effects": Effect.READ}, "plan.effects", "at most read"),
        ({"wait": {"kind": "time", "seconds": 90.0}, "skill": ""}, {}, "plan.time", "waits for 90 s"),
        ({"tool": "memory_search", "skill": ""}, {}, "plan.rights", "no agent of the workspace may use"),
        ({"skill": "documents"}, {}, "plan.cost", ""),
    ],
)
def test_no_plan_runs_beyond_the_policy_the_rights_the_budget_or_the_time(
    task: dict[str, Any], more: dict[str, Any], code: str, words: str
) -> None:
    reader = replace(READER, tools=() if code == "plan.rights" else READER.tools)
    prices = {reader.ref(): 200, POET.ref(): 1} if code == "plan.cost" else {}
    agents = (replace(PLANNER, planning=Planning(order=("playbook",), **more)), POET, reader)
    deadline = "2026-01-01T00:01:00+00:00"
    player = new(6, agents=agents, advisers=("playbooks",), turn_micros=prices, budget_micros=100,
                 deadline_at=deadline)  # fmt: skip
    by_playbook(player, {**LOOK, **task})
    assert player.state.ended
    if code == "plan.cost":
        assert (player.state.error_code, player.state.error_values["left_usd"]) == ("budget.plan", 0.0001)
    else:
        assert player.state.error_code == "run.no_plan"
        assert words in player.state.error


def test_an_estimate_is_the_worst_price_times_the_turns_and_says_what_it_does_not_know() -> None:
    reader = replace(READER, max_turns=3)
    known = new(6, agents=(POET, reader), advisers=("playbooks",), turn_micros={reader.ref(): 7})
    by_playbook(known, LOOK, {**LOOK, "id": "b", "needs": ["a"]})
    taken = known.state.estimate
    assert taken is not None
    assert (taken.least_micros, taken.most_micros, taken.calls) == (14, 42, 6)
    unknown = by_playbook(new(6, advisers=("playbooks",)), LOOK).state.estimate
    assert unknown is not None
    assert (unknown.least_micros, unknown.most_micros) == (None, None)


def test_a_condition_skips_a_task_and_what_needs_it_as_declared() -> None:
    for otherwise, last in (("continue", TaskStatus.RUNNING), ("skip", TaskStatus.SKIPPED)):
        player = new(6, advisers=("playbooks",))
        when = [{"task": "a", "path": "found", "value": False}]
        maybe = {**LOOK, "id": "b", "needs": ["a"], "when": when, "otherwise": otherwise}
        by_playbook(player, LOOK, maybe, {**LOOK, "id": "c", "needs": ["b"]})
        answered(player)
        assert player.state.tasks["b"].error_code == "task.when"
        assert player.state.tasks["c"].status is last
    assert player.state.status is RunStatus.SUCCEEDED
    assert player.state.answer is not None
    assert player.state.answer.text == FOUND["text"]


@pytest.mark.parametrize(
    ("test", "value", "found", "holds"),
    [
        ("equals", True, 1, False),
        ("not_equals", 2, 3, True),
        ("one_of", [1, "x"], "x", True),
        ("above", 2, 3, True),
        ("above", 2, None, False),
        ("below", 2, True, False),
        ("exists", False, None, True),
    ],
)
def test_conditions_compare_as_json_does(test: str, value: Any, found: Any, holds: bool) -> None:
    assert Condition(task="a", test=test, value=value).holds(found) is holds


ASKED = "How long is the guarantee of the battery of a Mula in 2025?"
TASKS = (PlanTask(id="a", objective=ASKED, skill="documents"),)


@pytest.mark.parametrize(
    ("goal", "changes"),
    [
        (
            "How long is the guarantee of the frame of a Mula in 2026?",
            (("battery", "frame"), ("2025", "2026")),
        ),
        ("How long is the guarantee of the battery of a Garza in 2025?", (("Mula", "Garza"),)),
        ("Please, how long is the guarantee of the battery of a Mula in 2025?", ()),
    ],
)
def test_a_plan_that_worked_is_adapted_by_what_differs(goal: str, changes: object) -> None:
    made = adapt(ASKED, goal, TASKS)
    assert isinstance(made, Adapted)
    assert made.changes == changes
    assert made.tasks[0].objective == goal.replace("Please, h", "H")


@pytest.mark.parametrize(
    "goal",
    [
        "How long was the guarantee of the battery of a Mula in 2025?",
        "How long is the guarantee of the battery of a Mula before 2025?",
        "Who pays the guarantee of the battery of a Mula in 2025?",
        "How long is the guarantee of the battery of a Mula in 2025 without service?",
        "How much is the guarantee of the battery of a Mula in 2025?",
    ],
)
def test_a_near_goal_that_differs_in_what_is_asked_is_not_mistaken(goal: str) -> None:
    assert isinstance(adapt(ASKED, goal, TASKS), str)


def test_nothing_is_adapted_that_the_plan_says_in_other_words_or_that_stands_twice() -> None:
    plural = replace(TASKS[0], objective=ASKED + " And of other batteries?")
    assert "other words" in str(adapt(ASKED, ASKED.replace("battery", "frame"), (plural,)))
    reworded = replace(TASKS[0], objective="How long is it?")
    assert "does not stand" in str(adapt(ASKED, ASKED.replace("Mula", "Garza"), (reworded,)))
    twice = "Compare 2 bikes in 2 shops"
    assert "nothing changes" in str(adapt(twice, "Compare 2 bikes in 3 shops", TASKS))


def test_a_plan_that_acts_is_adapted_in_names_and_numbers_alone() -> None:
    acting = (PlanTask(id="a", objective="", tool="send", arguments={"to": "the office of Cork", "n": 3}),)
    old = "Send 3 copies to the office of Cork"
    made = adapt(old, "Send 4 copies to the office of Zaragoza", acting)
    assert isinstance(made, str) or made.tasks[0].arguments == {"to": "the office of Zaragoza", "n": 4}
    assert "does more than read" in str(adapt(old, "Send 3 copies to the shop of Cork", acting))


def plans(*tasks: str) -> ModelReply:
    rows: list[dict[str, Any]] = [
        {"id": one, "objective": one, "skill": "documents", "needs": []} for one in tasks
    ]
    return ModelReply(text=canonical.dumps({"reason": "so", "tasks": rows, "alternatives": []}))


def scripted(request: ModelRequest) -> ModelReply:
    if request.output_schema is not None and "alternatives" in request.output_schema["properties"]:
        return plans("look")
    return ModelReply(text=canonical.dumps(FOUND))


async def test_people_change_a_plan_before_its_first_task_and_it_is_validated_again() -> None:
    from flowmatik.agents.loop import ReducerLoop

    agents = planned(("model",), approval=ApprovalPolicy())
    models = ScriptedModels(scripted, model="custom/m")
    async with running_engine(models=models, agents=agents, loop=ReducerLoop()) as engine:
        run_id = await engine.runs.create("w", NewRun(goal="Who signs?"))
        waiting = await engine.runs.wait("w", run_id)
        assert (waiting.status, waiting.waiting_for, waiting.tasks) == (RunStatus.WAITING, "approval", ())
        (asked,) = waiting.approvals
        assert asked.arguments["tasks"][0]["objective"] == "look"
        edited = (PlanTask(id="x", objective="Who signs for Cork?", skill="documents"),)
        wrong = arguments_of((replace(edited[0], skill="painting"),))
        bad = Verdict(decision="approve", arguments_hash=asked.arguments_hash, arguments=wrong)
        with pytest.raises(PlanInvalid):
            await engine.approvals.decide("w", asked.id, bad, by=PERSON)
        good = replace(bad, arguments=arguments_of(edited))
        await engine.approvals.decide("w", asked.id, good, by=PERSON)
        with pytest.raises(Conflict):
            await engine.approvals.decide("w", asked.id, good, by=PERSON)
        done = await engine.runs.wait("w", run_id)
        assert (done.plan_edited_by, [task.id for task in done.tasks]) == ("ana", ["x"])
        assert (await engine.runs.replay("w", run_id)).differences == ()


async def test_a_denied_plan_ends_the_run_and_nothing_of_it_is_done() -> None:
    from flowmatik.agents.loop import ReducerLoop

    agents = planned(("model",), approval=ApprovalPolicy())
    models = ScriptedModels(scripted, model="custom/m")
    async with running_engine(models=models, agents=agents, loop=ReducerLoop()) as engine:
        run_id = await engine.runs.create("w", NewRun(goal="Who signs?"))
        (asked,) = (await engine.runs.wait("w", run_id)).approvals
        verdict = Verdict(decision="deny", arguments_hash=asked.arguments_hash, comment="too dear")
        await engine.approvals.decide("w", asked.id, verdict, by=PERSON)
        ended = await engine.runs.wait("w", run_id)
        assert (ended.error_code, ended.error_values["said"]) == ("run.plan_denied", "too dear")
        assert len(models.requests) == 1


async def test_a_written_plan_may_have_many_tasks() -> None:
    tasks = tuple(
        PlanTask(id=f"t{n}", objective="", tool="echo", needs=(f"t{n - 1}",) if n else ()) for n in range(60)
    )
    async with running_engine() as engine:
        run_id = await engine.runs.create("w", NewRun(goal="g", plan=tasks))
        assert (await engine.runs.wait("w", run_id)).status is RunStatus.SUCCEEDED
