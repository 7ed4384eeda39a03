"""Who gets a task: by what was said of the candidates, by the money left, and within the bounds of
exploration."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.core.brain.arms import Able
from flowmatik.core.brain.choosing import EXPLORED, SHOWN, choose
from flowmatik.core.replay import replay
from flowmatik.core.view import run_view
from tests.histories.playing import Player
from tests.histories.routed import BROKER, CLERK, new, routed, row, said


def able(left: int | None = None) -> dict[str, Able]:
    return {name: Able(models=("m",), left_micros=left) for name in "abcdefgh"}


def facts(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"explore": False, "seed": "s", "candidates": list(rows), **more}


def one(name: str, **known: Any) -> dict[str, Any]:
    return {"agent": name, "embedding": 0.5, "lexical": 0.5, "examples": None, **known}


def chosen(said: dict[str, Any], left: int | None = None, *, declared: bool = True) -> str:
    found = choose(said, able(left), declared=declared).chosen
    return found.agent if found else ""


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"embedding": 0.8}, {}),
        ({"lexical": 0.9}, {}),
        ({"past": 0.9}, {}),
        ({"good": 5, "all_good": 5}, {}),
        ({}, {"bad": 2, "all_bad": 2}),
        ({"cost_micros": 10}, {"cost_micros": 1000}),
        ({"seconds": 1}, {"seconds": 30}),
        ({"examples": 0.9}, {"examples": 0.1}),
    ],
)
def test_each_part_of_the_score_decides_between_equals(better: dict[str, Any], worse: dict[str, Any]) -> None:
    assert chosen(facts(one("a", **worse), one("b", **better))) == "b"
    assert chosen(facts(one("a", **better), one("b", **worse))) == "a"


def test_of_equals_the_longest_known_gets_it() -> None:
    assert chosen(facts(one("b"), one("a"), one("c"))) == "b"


def test_examples_count_only_where_every_candidate_gives_some() -> None:
    assert chosen(facts(one("a", embedding=0.6), one("b", examples=1.0))) == "a"


def test_what_was_learned_of_this_type_of_task_outweighs_what_holds_in_general() -> None:
    rows = (one("a", good=0, bad=9, all_good=50, all_bad=9), one("b", good=9, bad=0, all_good=9, all_bad=50))
    assert chosen(facts(*rows)) == "b"


def test_an_agent_that_costs_more_than_is_left_is_passed_over_unless_all_do() -> None:
    rows = (one("a", embedding=1.0, cost_micros=900), one("b", cost_micros=100))
    assert chosen(facts(*rows)) == "a"
    assert chosen(facts(*rows), 500) == "b"
    assert chosen(facts(*rows), 50) == "a"


def test_below_the_threshold_nobody_gets_a_task_that_names_no_skill() -> None:
    unfit = facts(one("a"), one("b", embedding=0.9), threshold=0.5, confidence=0.4)
    choice = choose(unfit, able(), declared=False)
    assert choice.chosen is None
    assert [c.agent for c in choice.candidates] == ["b", "a"], "the nearest are named"
    assert chosen(unfit, declared=True) == "b", "who has the skill is asked for it in any case"
    assert chosen({**unfit, "confidence": 0.6}, declared=False) == "b"
    assert chosen({**unfit, "threshold": None}, declared=False) == "b"


def test_agents_that_the_run_does_not_have_are_no_candidates() -> None:
    assert chosen(facts(one("stranger", embedding=1.0), one("a"))) == "a"
    assert chosen(facts(one("stranger"))) == ""


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=8),
    st.text(max_size=8),
)
def test_exploration_never_costs_more_than_its_bound(
    rows: list[tuple[float, float, float]], seed: str
) -> None:
    known = [
        one(name, embedding=e, good=good, bad=bad)
        for name, (e, good, bad) in zip("abcdefgh", rows, strict=False)
    ]
    best = choose(facts(*known), able(), declared=True).chosen
    explored = choose({**facts(*known), "explore": True, "seed": seed}, able(), declared=True)
    assert best is not None
    assert explored.chosen is not None
    expected = explored.chosen.score - explored.chosen.parts["exploration"]
    assert best.score - expected <= EXPLORED + 1e-5
    assert len(explored.candidates) <= SHOWN
    assert len({c.agent for c in explored.candidates}) == len(explored.candidates)


def test_exploration_tries_others_by_its_seed_and_the_same_seed_tries_the_same() -> None:
    near = facts(one("a"), one("b"), explore=True)
    by_seed = {seed: chosen({**near, "seed": str(seed)}) for seed in range(40)}
    assert set(by_seed.values()) == {"a", "b"}
    assert by_seed == {seed: chosen({**near, "seed": str(seed)}) for seed in range(40)}


def test_what_is_clearly_worse_is_never_tried_however_the_draws_fall() -> None:
    apart = facts(one("a", embedding=0.75), one("b"), explore=True)
    assert {chosen({**apart, "seed": str(seed)}) for seed in range(1000)} == {"a"}


def test_the_more_is_known_the_less_is_tried() -> None:
    def tried(weight: int) -> set[str]:
        good = one("a", good=9 * weight, bad=weight, all_good=9 * weight, all_bad=weight)
        less = one("b", good=8 * weight, bad=2 * weight, all_good=8 * weight, all_bad=2 * weight)
        return {chosen(facts(good, less, explore=True, seed=str(n))) for n in range(60)}

    assert tried(1) == {"a", "b"}
    assert tried(100) == {"a"}


def test_replay_decides_the_same_and_the_view_says_why() -> None:
    player = routed(6)
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()
    view = run_view(player.state, RunStatus.FAILED, "2026-01-01T00:00:05+00:00")
    by_task = {task.id: task for task in view.tasks}
    route = by_task["a"].route
    assert route is not None
    assert (route.code, route.learned, route.seed) == ("best", 7, "5eed")
    assert [one.agent for one in route.candidates] == [BROKER.ref(), CLERK.ref()], (
        "the dearer one is named too"
    )
    assert by_task["d"].error_code == "route.none"
    assert by_task["d"].error_values["nearest"] == "clerk, guard"
    skill = by_task["c"].route
    assert skill is not None
    assert (skill.code, skill.candidates) == ("skill", ())


def test_one_agent_with_the_skill_gets_the_task_without_anybody_being_asked() -> None:
    player = Player(new(6, PlanTask(id="a", objective="look", skill="checks", criteria=())))
    assert player.state.advice == {}
    assert player.state.tasks["a"].status is TaskStatus.RUNNING


def test_a_fact_that_is_changed_afterwards_is_a_difference() -> None:
    player = Player(new(6, PlanTask(id="a", objective="cancel it", skill="support", criteria=())))
    player.succeed("route", said(row(CLERK, embedding=0.9), row(BROKER)))
    stored = player.stored()
    forged = [
        type(e)(
            seq=e.seq, type=e.type, payload=e.payload.replace('"embedding":0.9', '"embedding":0.1'), at=e.at
        )
        for e in stored
    ]
    assert replay("run_1", stored, ReducerLoop()).differences == ()
    assert len(replay("run_1", forged, ReducerLoop()).differences) == 1
