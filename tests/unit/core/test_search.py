"""What callers may look for, and what they are told when it could not be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flowmatik.contracts.control import NewFork
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.search import wanted_heads
from flowmatik.kernel.errors import Conflict, InvalidInput, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "w"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAN = (PlanTask(id="s0", objective="", tool="echo", arguments={}),)


def new(goal: str = "g", **more: Any) -> NewRun:
    return NewRun(goal=goal, plan=PLAN, **more)


async def test_a_run_keeps_its_tags_and_priority_and_is_found_by_them() -> None:
    async with running_engine() as engine:
        run_id = await engine.runs.create(WS, new(tags=("b", "a", "b"), priority=-3))
        view = await engine.runs.wait(WS, run_id)
        assert (view.tags, view.priority) == (("b", "a"), -3)
        (listed,) = (await engine.runs.list(WS, RunFilter(tags=("a",)))).items
        assert (listed.id, listed.tags, listed.priority) == (run_id, ("b", "a"), -3)
        assert (await engine.runs.list(WS, RunFilter(tags=("c",)))).items == ()
        assert (await engine.runs.list("other", RunFilter(tags=("a",)))).items == ()
        assert (await engine.runs.replay(WS, run_id)).differences == ()


async def test_pages_of_a_search_lead_through_what_matches_alone() -> None:
    async with running_engine() as engine:
        for number in range(6):
            run_id = await engine.runs.create(
                WS, new(f"Número {number}", tags=("even",) if number % 2 == 0 else ())
            )
            await engine.runs.wait(WS, run_id)
        wanted = RunFilter(tags=("even",), text="NUMERO", statuses=(RunStatus.SUCCEEDED,))
        first = await engine.runs.list(WS, wanted, limit=2)
        second = await engine.runs.list(WS, wanted, limit=2, cursor=first.next)
        assert [one.goal for one in (*first.items, *second.items)] == ["Número 4", "Número 2", "Número 0"]
        assert second.next == ""


@pytest.mark.parametrize(
    "tags", [("",), ("a b",), ("ñ",), ("x" * 65,), ("a\n",), tuple(map(str, range(21)))], ids=ascii
)
async def test_what_is_no_tag_is_refused_where_it_is_given_and_where_it_is_looked_for(
    tags: tuple[str, ...],
) -> None:
    async with running_engine() as engine:
        for refused in (engine.runs.create(WS, new(tags=tags)), engine.runs.list(WS, RunFilter(tags=tags))):
            with pytest.raises(InvalidInput) as caught:
                await refused
            assert caught.value.code == "input.tags"
        assert (await engine.runs.list(WS)).items == ()


@pytest.mark.parametrize("priority", [-11, 11])
async def test_a_priority_out_of_bounds_is_refused(priority: int) -> None:
    async with running_engine() as engine:
        with pytest.raises(InvalidInput) as caught:
            await engine.runs.create(WS, new(priority=priority))
        assert caught.value.code == "input.priority"


async def test_the_same_key_with_other_tags_is_another_request() -> None:
    async with running_engine() as engine:
        first = await engine.runs.create(WS, new(tags=("a",), idempotency_key="k"))
        assert await engine.runs.create(WS, new(tags=("a", "a"), idempotency_key="k")) == first
        with pytest.raises(Conflict):
            await engine.runs.create(WS, new(tags=("b",), idempotency_key="k"))


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (RunFilter(created_after="2026-01-02T00:00:00Z", created_before="2026-01-01T00:00:00Z"), "filter"),
        (
            RunFilter(created_after="2026-01-02T00:00:00Z", created_before="2026-01-02T01:00:00+01:00"),
            "filter",
        ),
        (RunFilter(created_after="yesterday"), "time"),
        (RunFilter(created_before="2026-01-02T00:00:00"), "time"),
        (RunFilter(created_after="0001-01-01T00:00:00+14:00"), "time"),
        (RunFilter(text="¿?"), "search"),
        (RunFilter(text="x" * 201), "search"),
        (RunFilter(agent="a\0"), "filter_name"),
        (RunFilter(parent="\ud800"), "filter_name"),
    ],
    ids=ascii,
)
def test_a_filter_that_could_hold_for_nothing_is_refused_by_name(wanted: RunFilter, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        wanted_heads(wanted, NOW)
    assert caught.value.code == f"input.{code}"


def test_text_alone_is_looked_for_in_the_last_ninety_days() -> None:
    assert wanted_heads(RunFilter(text="a"), NOW).since == "2026-03-03T00:00:00.000000Z"
    until = RunFilter(text="a", created_before="2026-01-31T01:00:00+01:00")
    assert wanted_heads(until, NOW).since == "2025-11-02T00:00:00.000000Z"
    assert wanted_heads(RunFilter(text="a", created_after="2020-01-01T00:00:00Z"), NOW).since[:4] == "2020"
    assert wanted_heads(RunFilter(agent="a"), NOW).since == ""


async def test_a_fork_and_a_retry_are_found_by_the_tags_of_the_run_that_they_go_on_from() -> None:
    async def refuse(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ToolError("no")

    async with running_engine(tools=FunctionTools({"echo": FunctionTool(function=refuse)})) as engine:
        first = await engine.runs.create(WS, new(tags=("blue",)))
        await engine.runs.wait(WS, first)
        fork = await engine.control.fork(WS, first, NewFork(seq=1))
        retry = await engine.control.retry(WS, first)
        for run_id in (fork, retry):
            await engine.runs.wait(WS, run_id)
        page = await engine.runs.list(WS, RunFilter(tags=("blue",)))
    assert {run.id for run in page.items} == {first, fork, retry}
