"""How a run was planned, and planned again, as its view and `runs show --why` tell it."""

from collections.abc import Callable

import pytest

from flowmatik.api.runs import said_in
from flowmatik.app.cli.plan_view import alternative_lines, change_line, declined_lines, estimate_lines
from flowmatik.app.web import words
from flowmatik.contracts.plans import Estimate
from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.core.view import run_view
from tests.histories.adapting import a_task_proposes, another_agent_tries, the_model_plans_again
from tests.histories.planning import by_a_case, chosen_by_people
from tests.histories.playing import AT, Player
from tests.unit.app.samples import session


def seen(player: Player) -> RunView:
    return run_view(player.state, player.state.status, AT)


def test_who_declined_and_why_is_said_in_the_language_of_who_asks() -> None:
    view = seen(by_a_case(6))
    assert [(one.planner, one.code) for one in view.declined] == [("playbook", "no_playbook")]
    assert list(declined_lines(session("en"), view)) == [
        "playbook did not plan: no playbook is meant for such a goal"
    ]
    (spanish,) = declined_lines(session("es"), view)
    assert spanish.startswith("guion no planificó: ")
    assert said_in("es", view, words).declined[0].reason in spanish


def test_the_alternatives_of_a_planner_stay_with_what_keeps_them_from_running() -> None:
    view = seen(chosen_by_people(6))
    (other,) = view.alternatives
    assert [(task.id, task.by, task.objective) for task in other.tasks] == [
        ("look", "painting", "Who signs?")
    ]
    assert "painting" in other.faults[0]
    lines = list(alternative_lines(session(), view.alternatives))
    assert lines[0] == "Or: as asked (look: Who signs?)"
    assert lines[-1].startswith("  it could not run: ")


def test_while_people_decide_the_view_tells_of_the_plan_that_they_are_asked_about() -> None:
    player = chosen_by_people(6)
    state = player.state
    state.planner, state.plan_reason, state.estimate = "", "", None  # as before it was adopted
    view = seen(player)
    assert (view.planner, view.plan_reason) == ("model", "shorter")
    assert view.estimate is not None
    assert view.estimate.calls == 8


@pytest.mark.parametrize(
    ("story", "causes", "said"),
    [
        (another_agent_tries, ["failure"], "tries"),
        (a_task_proposes, ["proposal"], "proposed"),
    ],
)
def test_each_change_of_a_plan_is_told_with_its_cause_and_its_tasks(
    story: Callable[[int], Player], causes: list[str], said: str
) -> None:
    view = seen(story(6))
    assert [one.cause for one in view.changes] == causes
    line = change_line(session("en"), view.changes[0])
    assert said in line
    assert line.startswith("The plan changed (")
    assert change_line(session("es"), view.changes[0]).startswith("El plan cambió (")
    assert said_in("es", view, words).changes[0].reason != view.changes[0].reason


def test_changes_stand_in_their_order_and_name_what_came_and_went() -> None:
    view = seen(the_model_plans_again(6))
    assert view.status is RunStatus.SUCCEEDED
    first, second = view.changes
    assert first.added
    assert f"new: {', '.join(first.added)}" in change_line(session(), first)
    assert first.task_id in first.superseded
    assert second.planner in ("model", "rule")


@pytest.mark.parametrize(
    ("estimate", "line"),
    [
        (
            Estimate(least_micros=1400, most_micros=42_000, least_seconds=90, calls=6),
            "Estimate: 0.0014 to 0.0420 USD, at least 90 s of waiting, at most 6 calls of models",
        ),
        (Estimate(calls=1), "Estimate: at an unknown price, at most 1 call of models"),
        (Estimate(least_seconds=2.5), "Estimate: at least 2.5 s of waiting"),
    ],
)
def test_an_estimate_says_what_is_known(estimate: Estimate, line: str) -> None:
    assert list(estimate_lines(session(), estimate)) == [line]
    assert next(estimate_lines(session("es"), estimate)).startswith("Estimación: ")


def test_nothing_is_said_of_an_estimate_that_knows_nothing() -> None:
    assert list(estimate_lines(session(), Estimate())) == []
    assert list(estimate_lines(session(), None)) == []
