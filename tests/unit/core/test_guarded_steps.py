"""Guardrails where no agent gave the arguments: a plan's own steps, and what people wrote while they
agreed."""

from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.replay import replay
from tests.histories.arguments import edited_arguments, guarded_steps, guarded_undoing
from tests.histories.playing import Player


def sent(player: Player) -> list[Any]:
    return [
        e.arguments["text"] for e in player.events if isinstance(e, ev.CallRequested) and e.kind == "tool"
    ]


def test_steps_of_a_plan_are_guarded_as_the_planners_profile_says() -> None:
    player = guarded_steps(6)
    assert sent(player) == ["write to [email]", "the merger is on", "the merger, says [email]"]
    tasks = player.state.tasks
    assert [tasks[name].status for name in "abc"] == [TaskStatus.SUCCEEDED] * 3
    assert (tasks["d"].status, tasks["d"].error_code) == (TaskStatus.FAILED, "guardrail.denied")
    assert (tasks["e"].status, tasks["e"].error_code) == (TaskStatus.FAILED, "guardrail.refused")
    assert tasks["e"].error_values["found"] == "forbidden (1)"
    asked = [e.arguments for e in player.events if isinstance(e, ev.ApprovalRequested)]
    assert [one.get("found") for one in asked[:1]] == [[{"check": "topic", "kind": "forbidden", "count": 1}]]
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_what_a_person_writes_while_they_agree_to_a_call_is_fixed_or_refused() -> None:
    player = edited_arguments(6)
    assert sent(player) == ["merger: [email]"], "what people would be asked about they have just decided"
    refused = [e for e in player.events if isinstance(e, ev.ToolRefused)]
    assert ["what a person wrote" in one.message for one in refused] == [True]
    assert player.state.tasks["a"].status is TaskStatus.SUCCEEDED
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_runs_of_older_versions_go_on_unguarded() -> None:
    assert sent(guarded_steps(5))[0] == "write to ana@example.com"
    assert sent(edited_arguments(5)) == ["weapons", "merger: ana@example.com"]


def taken_back(player: Player) -> dict[str, Any]:
    return {
        e.task_id: e.arguments["text"]
        for e in player.events
        if isinstance(e, ev.CallRequested) and e.purpose == "compensate"
    }


def test_what_takes_a_step_back_is_guarded_and_what_cannot_be_hidden_is_put_to_people() -> None:
    player = guarded_undoing(7)
    assert taken_back(player) == {
        "a": "sorry, [email]",
        "b": "the merger is off",
        "d": "ana@example.com",
    }, "what names the thing that was done is not changed"
    undone = player.state.undone
    assert [undone[name].status for name in "abcd"] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert (undone["c"].error_code, undone["c"].error_values["place"]) == ("guardrail.denied", "send")
    assert player.state.error_code == "tool.failed", "the run ends as it would have"
    assert replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_what_takes_a_step_back_was_not_guarded_in_older_versions() -> None:
    assert taken_back(guarded_undoing(6))["c"] == "weapons are off"
