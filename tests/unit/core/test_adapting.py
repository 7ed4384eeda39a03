"""Plans that change while they run: what is tried instead, what not again, and what the answer says."""

from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.criteria import Judge, Policy
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain import plan
from flowmatik.core.brain.decide import decide
from flowmatik.core.lineage import failed_tasks, inherited
from flowmatik.core.replay import replay
from flowmatik.kernel import canonical
from tests.histories import adapting as stories
from tests.histories.adapting import OTHER, READER, TEAM, WRITER, agent, fails_twice, new, planned, wish
from tests.histories.playing import AT, Player

NEWEST = ev.DECISION_VERSION
PASSED = canonical.dumps({"passed": True, "score": 1.0, "reason": "so"})


def of(kind: type[Any], player: Player) -> list[Any]:
    return [event for event in player.events if isinstance(event, kind)]


def row(
    name: str, *needs: str, objective: str = "look elsewhere", skill: str = "documents"
) -> dict[str, Any]:
    return {"id": name, "objective": objective, "skill": skill, "needs": list(needs)}


def replies(*rows: dict[str, Any]) -> str:
    return canonical.dumps({"reason": "so", "tasks": rows})


def by_model(*rows: dict[str, Any], agents: tuple[Any, ...] = (READER, WRITER)) -> Player:
    player = planned(NEWEST, *agents, model="custom/m")
    player.say("plan", replies(*(rows or (row("a", objective="who signs"), row("b", objective="who pays")))))
    return player


def end(player: Player) -> Any:
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()
    assert player.state.ended
    return player.events[-1]


def test_another_agent_of_the_same_skill_takes_the_place_of_one_that_failed() -> None:
    player = stories.another_agent_tries(NEWEST)
    [change] = of(ev.PlanChanged, player)
    assert [one.agent for one in change.added] == ["other"]
    assert change.superseded == ("t1",)
    assert end(player).answer.text == "Ana signs."
    assert not end(player).answer.partial


def test_another_agent_takes_the_place_of_one_whose_results_do_not_pass_their_checks() -> None:
    strict = agent("reader", "documents", criteria=(Policy(check="policy", require=("Ana",)),))
    player = planned(NEWEST, strict, OTHER)
    player.say("think", "Somebody signs.")
    player.say("think", "Nobody knows.")
    [change] = of(ev.PlanChanged, player)
    assert (change.cause, [one.agent for one in change.added]) == ("verification", ["other"])
    player.say("think", "Ana signs.")
    assert end(player).answer.text == "Ana signs."


def test_the_same_that_fails_in_the_same_way_again_ends_the_run_as_a_loop() -> None:
    player = planned(NEWEST, READER, OTHER, agent("third", "documents"))
    fails_twice(player)
    fails_twice(player)
    assert end(player).code == "run.loop"
    assert [one.cause for one in of(ev.PlanChanged, player)] == ["failure", "loop"]
    assert failed_tasks(player.state) == ["t1~2"]


def test_a_model_that_finds_ever_other_words_is_stopped_when_nothing_comes_of_it() -> None:
    player = by_model(row("a", objective="who signs"))
    for n in range(3):
        fails_twice(player)
        player.say("replan", replies(row("x", objective=f"words {'ab'[n % 2] * (n + 1)}")))
    fails_twice(player)
    assert end(player).code == "run.loop"
    assert of(ev.PlanChanged, player)[-1].reason_code == "adapt.stale"
    assert sum(1 for one in of(ev.CallRequested, player) if one.purpose == "replan") == 3


def test_the_rule_makes_no_plan_longer_than_a_model_may(monkeypatch: pytest.MonkeyPatch) -> None:
    player = planned(NEWEST, READER, OTHER)
    monkeypatch.setattr(plan, "MAX_TASKS", len(player.state.tasks))
    fails_twice(player)
    [change] = of(ev.PlanChanged, player)
    assert (change.cause, change.reason_code, change.added) == ("loop", "adapt.large", ())
    assert end(player).code == "model.rejected"  # nothing was tried instead


def test_with_room_for_one_more_the_rule_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    player = planned(NEWEST, READER, OTHER)
    monkeypatch.setattr(plan, "MAX_TASKS", len(player.state.tasks) + 1)
    fails_twice(player)
    assert [one.id for one in of(ev.PlanChanged, player)[0].added] == ["t1~2"]


def test_only_what_needs_the_failed_task_changes_and_finished_work_stays() -> None:
    player = by_model()
    player_first = player.open("think").task_id
    fails_twice(player)
    player.say("think", "Ben pays.")
    before = player.state.tasks["b"]
    player.say("replan", replies(row("x"), row("y", "x", "b", objective="then this")))
    assert player.state.tasks["b"] is before
    assert player.state.tasks["answer"].spec.needs == ("a~3", "b")
    assert player_first == "a"
    for _ in range(3):
        player.say("think", "Ana signs.")
    assert not end(player).answer.partial


@pytest.mark.parametrize(
    "reply",
    ["no JSON", "[]", replies(row("x", "nowhere")), replies(row("x", skill="painting")),
     replies(row("x"), row("x")), replies(*(row(str(n)) for n in range(9))),
     replies(row("x", skill="writing"))],
)  # fmt: skip
def test_a_reply_that_cannot_be_a_plan_is_told_back_once_and_then_the_rule_holds(reply: str) -> None:
    player = by_model(agents=(READER, OTHER, WRITER))
    fails_twice(player)
    player.say("replan", reply)
    player.say("replan", reply)
    [change] = of(ev.PlanChanged, player)
    assert (change.planner, change.added[0].agent) == ("rule", "other")


def test_the_rest_is_answered_and_says_what_is_missing_in_the_language_of_the_run() -> None:
    player = stories.the_model_plans_again(NEWEST)
    answer = end(player).answer
    assert answer.partial
    assert [one.objective for one in answer.missing] == ["find a"]
    assert "Esta respuesta no está completa" in answer.text


def test_when_the_model_cannot_be_asked_the_rule_holds() -> None:
    player = by_model(agents=(READER, OTHER, WRITER))
    fails_twice(player)
    player.fail("replan", "model.unavailable")
    assert of(ev.PlanChanged, player)[0].planner == "rule"


def test_nothing_is_tried_with_a_provider_that_refuses_everything() -> None:
    player = planned(NEWEST, READER, OTHER)
    player.fail("think", "model.key")
    assert end(player).code == "model.key"
    assert not of(ev.PlanChanged, player)


def test_the_plan_of_a_caller_is_not_changed() -> None:
    player = Player(new(NEWEST, READER, OTHER, agent="reader"))
    fails_twice(player)
    assert end(player).code == "model.rejected"
    assert not of(ev.PlanChanged, player)


def test_older_runs_do_not_adapt() -> None:
    player = stories.another_agent_tries(5)
    assert end(player).code == "model.rejected"


@pytest.mark.parametrize(
    "tasks",
    [
        None,
        [],
        ["x"],
        [{"objective": "x", "skill": "documents", "tool": "send"}],
        [{"objective": "x", "skill": "painting"}],
        [{"objective": "x", "skill": "documents", "needs": ["answer"]}],
        [{"objective": "WHO signs!", "skill": "documents"}],
        [{"objective": f"x{n}", "skill": "documents"} for n in range(6)],
    ],
)
def test_proposals_that_cannot_be_are_told_back_and_change_nothing(tasks: Any) -> None:
    player = planned(NEWEST, READER)
    player.say("think", wish("propose_tasks", tasks=tasks))
    [said] = of(ev.TasksProposed, player)
    assert said.errors
    assert not of(ev.PlanChanged, player)
    player.say("think", "Ana signs.")
    assert end(player).answer.text == "Ana signs."


def test_who_waits_for_a_task_waits_for_what_it_proposed_too() -> None:
    player = by_model()
    player.say("think", wish("propose_tasks", tasks=[{"objective": "when", "skill": "documents"}]))
    assert player.state.tasks["answer"].spec.needs == ("a", "b", "a+1")
    assert player.state.tasks["a+1"].spec.effect is player.state.tasks["a"].spec.effect


def test_money_that_does_not_bear_the_rest_leads_to_cheaper_models_and_no_new_tasks() -> None:
    thrifty = agent("reader", "documents", tools=("propose_tasks",), frugal_model="custom/small")
    rows = (row("a", objective="one"), row("b", "a", objective="two"), row("c", "b", objective="three"))
    player = planned(NEWEST, thrifty, WRITER, model="custom/m", budget_micros=100)
    player.say("plan", replies(*rows), cost=5)
    player.say("think", "one", cost=40)
    [change] = of(ev.PlanChanged, player)
    assert (change.cause, change.values["left_usd"]) == ("budget", 0.000055)
    assert player.state.tasks["b"].model == "custom/small"
    player.say("think", wish("propose_tasks", tasks=[{"objective": "when", "skill": "documents"}]))
    assert "bears no more" in of(ev.TasksProposed, player)[0].errors[0]


def test_money_that_does_not_bear_the_rest_leaves_out_what_is_optional_of_the_verification() -> None:
    player = stories.fewer_checks(NEWEST)
    first, second = (player.state.tasks[name] for name in ("a", "b"))
    assert [one.criterion for one in first.checks] == ["policy", "judge", "judge"]
    assert [one.criterion for one in second.checks] == ["judge"]
    asked = [event for event in of(ev.CallRequested, player) if event.purpose == "judge"]
    assert [event.task_id for event in asked] == ["a", "a", "b"]
    before = stories.fewer_checks(NEWEST - 1)
    assert len(before.state.tasks["b"].checks) == 3
    end(player)


def test_an_optional_judge_that_was_asked_before_the_run_had_to_spend_less_is_waited_for() -> None:
    judges = (Judge(check="judge", rubric="polite", optional=True), Judge(check="judge", rubric="true"))
    strict = agent("reader", "documents", criteria=judges)
    player = planned(NEWEST, strict, model="custom/m", budget_micros=100)
    rows = (row("a", objective="one"), row("b", objective="two"), row("c", "a", objective="three"))
    player.say("plan", replies(*rows))
    player.say("think", "one", cost=60)
    player.say("think", "two", cost=5)
    for task_id in ("a", "a", "b", "b"):
        asked = next(c for c in player.state.open.values() if (c.purpose, c.task_id) == ("judge", task_id))
        player.fact(ev.CallSucceeded(call_id=asked.call_id, reply=ModelReply(text=PASSED)))
        assert player.state.adapting.frugal == (player.state.agents_ended > 0)
    assert [len(player.state.tasks[name].checks) for name in ("a", "b")] == [2, 2]


def test_time_that_does_not_bear_the_rest_leads_to_a_quicker_way() -> None:
    rows = (row("a", objective="one"), row("b", "a", objective="two"))
    player = planned(NEWEST, READER, model="custom/m", deadline_at="2026-01-01T00:01:00+00:00")
    player.say("plan", replies(*rows))
    player.state.known_at = "2026-01-01T00:00:40+00:00"
    player.say("think", "one")
    [change] = of(ev.PlanChanged, player)
    assert (change.cause, change.values) == ("deadline", {"left_seconds": 20.0, "need_seconds": 40.0})


def test_a_run_out_of_money_answers_with_what_it_has() -> None:
    answer = end(stories.little_is_left(NEWEST)).answer
    assert answer.text.startswith("Ana signs.")
    assert {one.code for one in answer.missing} == {"budget.exhausted"}


def test_a_run_whose_time_is_up_answers_with_what_it_has_and_a_cancelled_one_does_not() -> None:
    for stop, kind in (
        (ev.DeadlinePassed(deadline_at=AT), ev.RunSucceeded),
        (ev.CancelRequested(), ev.RunCancelled),
    ):
        player = by_model()
        player.say("think", "Ana signs.")
        player.fact(stop)
        player.fail("think", "call.aborted")
        assert isinstance(end(player), kind)


def test_a_retry_tries_what_stands_in_for_a_failed_task_and_all_ways_again() -> None:
    parent = planned(NEWEST, READER, OTHER)
    fails_twice(parent)
    fails_twice(parent)
    again = inherited(parent.stored(), len(parent.events))
    player = Player(parent.state.created, inherits=again)
    player.fact(ev.TaskRetried(parent="run_0", seq=len(parent.events), task_ids=("t1~2",)))
    player.say("think", "Ana signs.")
    assert player.state.tasks["t1"].status is TaskStatus.FAILED
    ended = player.events[-1]
    assert isinstance(ended, ev.RunSucceeded)
    assert ended.answer.text == "Ana signs."


def test_an_agent_is_not_asked_again_by_those_whom_it_asked() -> None:
    host = agent("host", tools=TEAM, delegates=("reader",))
    player = Player(new(NEWEST, host, READER, agent="host", ancestry=("reader",)))
    player.say("think", wish("ask_agent", agent="reader", goal="who signs"))
    [refused] = of(ev.ToolRefused, player)
    assert "reader → host → reader" in refused.message
    player.say("think", wish("ask_agent", agent="writer", goal="who signs"))
    assert "may not ask" in of(ev.ToolRefused, player)[1].message


def test_a_fork_asks_again_for_a_run_that_an_agent_was_waiting_for() -> None:
    host = agent("host", tools=TEAM, delegates=("reader",))
    parent = Player(new(NEWEST, host, READER, agent="host"))
    parent.say("think", wish("ask_agent", agent="reader", goal="who signs"))
    player = Player(parent.state.created, inherits=inherited(parent.stored(), len(parent.events)))
    player.fact(ev.RunForked(parent="run_0", seq=len(parent.events), effects="allow"))
    assert [one.sub_id for one in of(ev.SubRunRequested, player)] == ["sub_1", "sub_2"]
    assert decide(player.state, ReducerLoop(), AT) == []


def test_the_board_keeps_no_more_than_fits() -> None:
    scribe = agent("scribe", tools=TEAM)
    player = Player(new(NEWEST, scribe, agent="scribe"))
    player.say("think", wish("board_write", key="k", value="x" * 9000))
    player.say("think", wish("board_write", key=7, value="x"))
    player.say("think", wish("board_write", key="k"))
    assert len(of(ev.ToolRefused, player)) == 3
    assert not player.state.board
