"""An agent with several models: which of them a task gets, by what is known of each and by the money left."""

from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.cascades import CascadeView
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.core.brain.arms import Able, dearest_of
from flowmatik.core.brain.choosing import EXPLORED, Choice, choose
from flowmatik.core.planned import turn_prices
from flowmatik.core.replay import replay
from flowmatik.core.view import run_view
from flowmatik.testing.models import ScriptedModels
from tests.histories.playing import Player
from tests.histories.routed import CLERK, DEALER, model_row, new, row, said, with_models

MINI, BIG = "x/mini", "x/big"
CHEAP = {"cost_micros": 5, "price_micros": 5, "worst_micros": 50}
DEAR = {"cost_micros": 90, "price_micros": 90, "worst_micros": 900}


def facts(mini: dict[str, Any], big: dict[str, Any], **more: Any) -> dict[str, Any]:
    rows = [model_row(MINI, **CHEAP, **mini), model_row(BIG, **DEAR, **big)]
    return {"explore": False, "seed": "s", "candidates": [row(DEALER, models=rows)], **more}


def choice(facts: dict[str, Any], **able: Any) -> Choice:
    return choose(facts, {DEALER.ref(): Able(models=(MINI, BIG), **able)}, declared=True)


def chosen(facts: dict[str, Any], **able: Any) -> str:
    found = choice(facts, **able).chosen
    assert found is not None
    return found.model


def often(good: int, bad: int) -> dict[str, Any]:
    return {"good": good, "bad": bad, "all_good": good, "all_bad": bad}


def test_before_anything_is_known_and_where_both_do_well_the_cheaper_one_gets_it() -> None:
    assert chosen(facts({}, {})) == MINI
    assert chosen(facts(often(20, 0), often(20, 0))) == MINI


def test_where_the_cheap_one_fails_the_dear_one_gets_it() -> None:
    assert chosen(facts(often(0, 6), {})) == BIG
    assert chosen(facts(often(1, 9), often(9, 1))) == BIG


def test_what_holds_for_this_type_of_task_outweighs_what_holds_for_the_others() -> None:
    assert chosen(facts({"good": 0, "bad": 8, "all_good": 30, "all_bad": 8}, often(8, 0))) == BIG


def test_a_model_whose_turn_may_cost_more_than_is_left_is_no_candidate() -> None:
    strong = facts(often(0, 6), often(6, 0))
    assert chosen(strong, left_micros=900) == BIG
    short = choice(strong, left_micros=899)
    assert short.chosen is not None
    assert short.chosen.model == MINI
    assert [(one.model, one.barred) for one in short.candidates] == [(MINI, ""), (BIG, "dear")]


def test_without_a_price_a_model_is_no_candidate_under_a_cap_and_one_like_others_without() -> None:
    unpriced = facts(often(0, 6), {})
    unpriced["candidates"][0]["models"][1] |= {
        "worst_micros": None,
        "price_micros": None,
        "cost_micros": None,
    }
    assert chosen(unpriced) == BIG
    found = choice(unpriced, left_micros=10_000)
    assert found.chosen is not None
    assert (found.chosen.model, found.candidates[1].barred) == (MINI, "unpriced")


def test_where_none_fits_the_one_with_the_least_worst_case_is_tried_and_the_budget_refuses_it() -> None:
    assert chosen(facts(often(0, 9), {}), left_micros=10) == MINI


def test_a_model_that_was_tried_makes_way_unless_the_other_cannot_be_paid() -> None:
    assert chosen(facts({}, {}), tried=(MINI,)) == BIG
    assert chosen(facts({}, {}), tried=(MINI, BIG)) == MINI
    assert chosen(facts({}, {}), tried=(MINI,), left_micros=100) == MINI


def test_while_the_run_is_to_spend_less_the_cheapest_alone_is_a_candidate() -> None:
    found = choice(facts(often(0, 9), often(9, 0)), frugal=True)
    assert found.chosen is not None
    assert found.chosen.model == MINI
    assert [one.barred for one in found.candidates] == ["", "frugal"]


def test_exploration_tries_the_other_model_within_its_bound_and_not_when_it_is_off() -> None:
    near = facts(often(4, 1), often(6, 0))
    tried = [choice({**near, "explore": True, "seed": str(n)}) for n in range(60)]
    assert {one.chosen.model for one in tried if one.chosen} == {MINI, BIG}
    best = choice(near).candidates[0].score
    for one in tried:
        assert one.chosen is not None
        assert best - (one.chosen.score - one.chosen.parts["exploration"]) <= EXPLORED + 1e-5
    apart = facts(often(0, 50), often(50, 0))
    assert {chosen({**apart, "explore": True, "seed": str(n)}) for n in range(200)} == {BIG}
    assert {chosen({**near, "seed": str(n)}) for n in range(60)} == {choice(near).candidates[0].model}


def test_agents_and_their_models_are_weighed_together() -> None:
    both = facts(often(0, 9), often(0, 9))
    both["candidates"].append(row(CLERK, good=9, bad=0, all_good=9, all_bad=0, cost_micros=20))
    able = {DEALER.ref(): Able(models=(MINI, BIG)), CLERK.ref(): Able(models=("m",))}
    found = choose(both, able, declared=True)
    assert found.chosen is not None
    assert (found.chosen.agent, found.chosen.model) == (CLERK.ref(), "m")
    assert len(found.candidates) == 3


def test_savings_are_told_against_the_dearest_that_could_have_been_taken() -> None:
    known = facts({}, {})["candidates"][0]
    assert dearest_of(known, Able(models=(MINI, BIG)), MINI) == BIG
    assert dearest_of(known, Able(models=(MINI, BIG), left_micros=100), MINI) == "", "it did not fit"
    assert dearest_of(known, Able(models=(MINI,)), MINI) == ""
    known["models"][1]["price_micros"] = None
    assert dearest_of(known, Able(models=(MINI, BIG)), MINI) == ""


def test_replay_decides_the_same_models_and_the_view_says_why_and_what_it_saved() -> None:
    player = with_models(6)
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()
    tasks = player.state.tasks
    assert [task.model for task in tasks.values()] == [BIG, MINI, MINI, MINI]
    assert all(task.status is TaskStatus.SUCCEEDED for task in tasks.values())
    view = run_view(player.state, RunStatus.SUCCEEDED, "2026-01-01T00:00:05+00:00")
    first, _, third, fourth = (task.route for task in view.tasks)
    assert first is not None
    assert third is not None
    assert fourth is not None
    assert (first.code, first.models) == ("best_model", (MINI, BIG))
    assert [(one.model, one.barred) for one in first.candidates] == [(BIG, ""), (MINI, "tried")]
    assert [one.barred for one in third.candidates] == ["", "unpriced"]
    assert (fourth.code, fourth.candidates) == ("skill", ())
    assert view.cascade == CascadeView(
        cheap_turns=1, strong_turns=1, drafts_micros=3, strong_micros=80, saved_micros=77
    )


def test_histories_of_older_versions_go_on_with_the_first_model() -> None:
    player = with_models(5)
    assert [task.model for task in player.state.tasks.values()] == [MINI] * 4
    assert player.state.advice == {}


def test_nothing_is_asked_of_an_agent_with_one_model() -> None:
    only = replace(DEALER, candidates=(), model=MINI)
    created = replace(
        new(6, PlanTask(id="a", objective="x", skill="deals", criteria=())), agents=(CLERK, only)
    )
    assert Player(created).state.advice == {}


def test_what_only_failed_saved_nothing() -> None:
    created = replace(
        new(6, PlanTask(id="a", objective="x", skill="deals", criteria=())), agents=(CLERK, DEALER)
    )
    player = Player(created)
    rows = [model_row(MINI, **CHEAP), model_row(BIG, **DEAR)]
    cut = ModelReply(text="Onc", usage=Usage(input_tokens=9, output_tokens=9), finish="length", cost_micros=2)
    for _ in (MINI, BIG):
        player.succeed("route", said(row(DEALER, models=rows), explore=False, threshold=None))
        for _ in range(2):  # it is asked once for another
            player.say("think", cut, cost=2)
    assert player.state.models == (MINI, BIG), "what is used up with one may do with another"
    assert player.state.tasks["a"].status is TaskStatus.FAILED
    view = run_view(player.state, RunStatus.FAILED, "2026-01-01T00:00:05+00:00")
    assert view.cascade is not None
    assert view.cascade.strong_micros == 0


@pytest.mark.parametrize(("worst", "price"), [({MINI: 10, BIG: 90}, {"a": 90}), ({MINI: 10, BIG: None}, {})])
def test_estimates_reckon_with_the_dearest_and_refuse_no_plan_for_it(
    worst: dict[str, int | None], price: dict[str, int]
) -> None:
    class Models(ScriptedModels):
        def worst_case_micros(self, request: ModelRequest) -> int | None:
            return worst[request.model]

    agent = AgentVersion(
        name="a", version="1" * 12, role="r", summary="", instructions="", model=MINI, candidates=(MINI, BIG)
    )
    found = turn_prices(Models(lambda _: pytest.fail("nothing is asked")), [agent])
    assert list(found.values()) == list(price.values())
