"""What the events of a run say of its agents."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowmatik.kernel.events import CloudEvent
from flowmatik.learning.routing.attempts import Attempt, attempts_in

PLAN = ("PlanAdopted", {"tasks": [{"id": "t", "skill": "documents", "objective": "look"}]})
ROUTED = ("TaskRouted", {"task_id": "t", "agent": "reader@1", "model": "m", "learned": 3})


def call(n: int, cost: int, *, known: bool = True) -> tuple[tuple[str, Any], tuple[str, Any]]:
    asked = ("CallRequested", {"kind": "model", "call_id": f"c{n}", "task_id": "t"})
    reply = {"cost_micros": cost if known else None}
    return asked, ("CallSucceeded", {"call_id": f"c{n}", "cost_micros": cost, "reply": reply})


async def told(*rows: tuple[str, dict[str, Any]]) -> list[Attempt]:
    async def events() -> AsyncIterator[CloudEvent]:
        for seq, (kind, data) in enumerate(rows, 1):
            yield CloudEvent(
                id=f"r:{seq}", source="s", type=f"flowmatik.{kind}", subject="r", workspace_id="w", data=data,
                time=f"2026-01-01T00:00:{seq:02}+00:00", seq=seq,
            )  # fmt: skip

    return await attempts_in(events())


async def test_an_attempt_has_its_agent_its_cost_and_how_long_it_took() -> None:
    [one] = await told(PLAN, ROUTED, *call(1, 20), *call(2, 5), ("TaskSucceeded", {"task_id": "t"}))
    assert (one.agent, one.skill, one.cost_micros) == ("reader", "documents", 25)
    assert one.good is True
    assert one.advised
    assert (one.seconds, one.seq) == (5.0, 7)


async def test_a_cost_that_nobody_knows_is_unknown() -> None:
    [one] = await told(PLAN, ROUTED, *call(1, 0, known=False), ("TaskSucceeded", {"task_id": "t"}))
    assert one.cost_micros is None


async def test_an_answer_that_was_kept_says_nothing_of_what_the_model_costs_and_how_fast_it_is() -> None:
    asked, (kind, data) = call(2, 0)
    kept = {
        **data,
        "reply": {**data["reply"], "cached": True, "usage": {"input_tokens": 0, "output_tokens": 0}},
    }
    [one] = await told(PLAN, ROUTED, *call(1, 20), asked, (kind, kept), ("TaskSucceeded", {"task_id": "t"}))
    assert (one.good, one.cost_micros, one.tokens, one.seconds) == (True, None, None, None)


async def test_a_task_that_is_tried_another_way_went_badly_the_first_time() -> None:
    replacement = {"id": "t", "skill": "tables", "objective": "count"}
    rows = await told(
        PLAN, ROUTED, ("TaskReplanned", {"task_id": "t", "replacement": replacement}),
        ("TaskRouted", {**ROUTED[1], "agent": "counter@2"}), ("TaskSucceeded", {"task_id": "t"}),
    )  # fmt: skip
    assert [(one.agent, one.skill, one.good) for one in rows] == [
        ("reader", "documents", False),
        ("counter", "tables", True),
    ]


@pytest.mark.parametrize(
    ("code", "good"),
    [("agent.turns", False), ("verify.failed", False), ("budget.exhausted", None), ("model.key", None),
     ("unavailable.journal", None), ("model.unavailable.open", None), ("model.unavailable.timeout", None),
     ("model.timeout", None), ("model.malformed", False)],
)  # fmt: skip
async def test_only_failures_of_the_agents_own_count_against_it(code: str, good: bool | None) -> None:
    [one] = await told(PLAN, ROUTED, ("TaskFailed", {"task_id": "t", "code": code}))
    assert one.good is good


@pytest.mark.parametrize(
    ("code", "purpose", "good"),
    [("model.unavailable.open", "think", None), ("model.unavailable.timeout", "think", None),
     ("model.unavailable", "judge", None), ("model.malformed", "think", False),
     ("model.unavailable", "draft", False)],
)  # fmt: skip
async def test_a_task_that_is_tried_another_way_for_want_of_a_model_says_nothing_of_who_had_it(
    code: str, purpose: str, good: bool | None
) -> None:
    replacement = {"id": "t", "skill": "documents", "objective": "look"}
    asked = ("CallRequested", {"kind": "model", "call_id": "c1", "task_id": "t", "purpose": purpose})
    away = ("CallFailed", {"call_id": "c1", "code": code, "cost_micros": 0})
    again = ("TaskReplanned", {"task_id": "t", "replacement": replacement})
    rows = await told(PLAN, ROUTED, asked, away, again, ROUTED, again)
    assert [one.good for one in rows] == [good, False], "the next one is looked at anew"


async def test_a_model_that_was_away_and_came_back_excuses_nobody() -> None:
    asked = ("CallRequested", {"kind": "model", "call_id": "c0", "task_id": "t"})
    away = ("CallFailed", {"call_id": "c0", "code": "model.unavailable", "cost_micros": 0})
    replacement = {"id": "t", "skill": "documents", "objective": "look"}
    again = ("TaskReplanned", {"task_id": "t", "replacement": replacement})
    [one] = await told(PLAN, ROUTED, asked, away, *call(1, 20), again)
    assert one.good is False


async def test_what_a_retry_inherited_is_the_parents() -> None:
    ended = ("TaskSucceeded", {"task_id": "t"})
    rows = await told(PLAN, ROUTED, ended, ("TaskRetried", {"parent": "p"}), ROUTED, ended)
    assert [one.seq for one in rows] == [6]


async def test_steps_and_tasks_that_never_ended_teach_nothing() -> None:
    assert await told(PLAN, ("TaskSucceeded", {"task_id": "t"})) == []
    assert await told(PLAN, ROUTED) == []
