"""A fork that goes on by another plan: what was done and stays as it was keeps its result."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.control import NewFork
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.core.lineage import last_fork
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, PlanInvalid
from tests.unit.core.test_fork import PLAN, WS, Place, Post, in_place, of_version, put, step

LOOK, ONE, TWO = PLAN
OUTPUTS: dict[str, Any] = {"look": {"seen": {}}, "one": {"number": 1}}


async def outputs(place: Place, seq: int, *plan: PlanTask) -> dict[str, Any]:
    view = await place.forked(NewFork(seq=seq, effects="allow", plan=plan))
    assert (view.status, view.error) == (RunStatus.SUCCEEDED, "")
    assert all(task.status is TaskStatus.SUCCEEDED for task in view.tasks)
    return {task.id: task.output for task in view.tasks}


async def test_finished_tasks_that_the_new_plan_keeps_keep_their_results_and_the_rest_is_done() -> None:
    post = Post()

    async def work(place: Place) -> None:
        at = last_fork(await place.journal.read(place.run_id))
        found = await outputs(place, at, LOOK, ONE, step("three", "one", to="eva"))
        assert found == OUTPUTS | {"three": {"number": 3}}

    await in_place(post, work)
    assert [one["to"] for one in post.sent] == ["ana", "ben", "eva"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(ONE, arguments={"to": "eva"}),
        replace(ONE, needs=()),
        replace(ONE, budget_micros=5),
        replace(ONE, tool="put"),
    ],
    ids=["arguments", "needs", "budget", "tool"],
)
async def test_a_task_that_is_not_exactly_as_it_was_begins_with_all_that_needs_it(changed: PlanTask) -> None:
    post = Post()

    async def work(place: Place) -> None:
        at = last_fork(await place.journal.read(place.run_id))
        found = await outputs(place, at, LOOK, changed, TWO)
        assert found == {"look": {"seen": {}}, "one": {"number": 3}, "two": {"number": 4}}

    await in_place(post, work)


async def test_a_task_under_another_id_is_another_task() -> None:
    post = Post()

    async def work(place: Place) -> None:
        at = last_fork(await place.journal.read(place.run_id))
        assert await outputs(place, at, replace(LOOK, id="see")) == {"see": {"seen": {}}}

    await in_place(post, work)
    assert len(post.sent) == 2


async def test_before_the_parent_had_a_plan_the_new_one_is_adopted() -> None:
    post = Post()

    async def work(place: Place) -> None:
        view = await place.forked(
            NewFork(seq=1, effects="allow", plan=(LOOK, step("put", "look", tool="put")))
        )
        assert [task.id for task in view.tasks] == ["look", "put"]
        adopted = [e.payload for e in await place.journal.read(view.id) if e.type == "PlanAdopted"]
        assert [canonical.loads(one)["planner"] for one in adopted] == ["given"]

    await in_place(post, work)


async def test_a_fork_of_such_a_fork_goes_on_by_its_plan() -> None:
    post = Post()

    async def work(place: Place) -> None:
        at = last_fork(await place.journal.read(place.run_id))
        plan = (LOOK, ONE, step("three", "one", to="eva"))
        first = await place.forked(NewFork(seq=at, effects="allow", plan=plan))
        second = replace(place, run_id=first.id)
        seq = await second.begins("three")
        view = await second.forked(NewFork(seq=seq, effects="allow"))
        assert [(task.id, task.output) for task in view.tasks][1:] == [
            ("one", {"number": 1}),
            ("three", {"number": 4}),
        ]

    await in_place(post, work)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ((step("one", "none"),), "input.plan"),
        ((step("one", "two"), step("two", "one")), "input.plan"),
        ((step("one", tool="no_such_tool"),), "input.plan"),
        ((step("one"), step("one")), "input.plan"),
    ],
    ids=["need", "circle", "tool", "twice"],
)
async def test_a_plan_that_cannot_run_is_refused_and_no_run_begins(
    plan: tuple[PlanTask, ...], code: str
) -> None:
    async def work(place: Place) -> None:
        with pytest.raises(PlanInvalid) as refused:
            await place.engine.control.fork(WS, place.run_id, NewFork(seq=1, plan=plan))
        assert refused.value.code == code
        assert len((await place.engine.runs.list(WS)).items) == 1

    await in_place(Post(), work)


async def test_arguments_belong_into_the_plan_and_runs_within_need_leave() -> None:
    async def refused(place: Place, fork: NewFork) -> FlowmatikError:
        with pytest.raises((InvalidInput, Conflict)) as error:
            await place.engine.control.fork(WS, place.run_id, fork)
        return error.value

    async def work(place: Place) -> None:
        both = NewFork(seq=1, plan=PLAN, arguments={"one": {"to": "eva"}})
        assert (await refused(place, both)).code == "input.fork_plan"
        within = PlanTask(id="in", objective="", run=SubRunSpec(goal="g", plan=(LOOK,)))
        assert (await refused(place, NewFork(seq=1, plan=(within,)))).code == "conflict.fork_runs_within"

    await in_place(Post(), work)


async def test_the_same_key_gives_the_same_fork_and_another_plan_needs_another_key() -> None:
    async def work(place: Place) -> None:
        fork = NewFork(seq=1, plan=PLAN, idempotency_key="k", effects="allow")
        control = place.engine.control
        first, second = await asyncio.gather(*(control.fork(WS, place.run_id, fork) for _ in range(2)))
        assert first == second
        with pytest.raises(Conflict) as error:
            await control.fork(WS, place.run_id, replace(fork, plan=PLAN[:2]))
        assert error.value.code == "conflict.idempotency_key"

    await in_place(Post(), work)


async def test_runs_of_older_decision_logic_keep_their_plans() -> None:
    async def work(place: Place) -> None:
        await put(place.journal, "run_old", await of_version(place.journal, place.run_id, 5))
        with pytest.raises(Conflict) as error:
            await place.engine.control.fork(WS, "run_old", NewFork(seq=1, plan=PLAN))
        assert error.value.code == "conflict.fork_plan"

    await in_place(Post(), work)
