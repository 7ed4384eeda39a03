"""Cases: what is learned from runs, proposed again, and forgotten; the same on every store."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowmatik.agents.cases import CaseAdviser, CaseLearning, StoredCases
from flowmatik.agents.cases.similarity import by_words, is_similar, words_of
from flowmatik.agents.cases.store import Lesson
from flowmatik.contracts.advice import Question
from flowmatik.contracts.cases import LEAST_RATE, rate_of
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.events import CloudEvent
from tests.contracts.catalogue.conftest import Shelf

GOAL = "How long is the guarantee of a Mula in 2025?"
TASKS = [{"id": "a", "objective": GOAL, "skill": "documents"}]


@pytest.fixture
def cases(shelf: Shelf) -> StoredCases:
    return StoredCases(shelf.database, SystemClock())


def lesson(run_id: str = "run_1", goal: str = GOAL) -> Lesson:
    return Lesson(goal=goal, language="", planner="model", tasks=TASKS, run_id=run_id, cost_micros=5)


async def told(cases: StoredCases, goal: str, workspace: str = "w") -> list[dict[str, Any]]:
    question = Question(workspace_id=workspace, run_id="r", arguments={"goal": goal, "language": ""})
    return (await CaseAdviser(cases, None)(question))["cases"]


async def test_a_plan_that_worked_is_proposed_for_a_similar_goal_of_its_workspace(cases: StoredCases) -> None:
    await cases.learn("w", lesson())
    (found,) = await told(cases, "How long is the guarantee of a Garza in 2026?")
    assert (found["goal"], found["tasks"]) == (GOAL, TASKS)
    assert await told(cases, "How many orders did Cork place?") == []
    assert await told(cases, GOAL, workspace="other") == []


async def test_a_run_is_counted_once_however_often_it_is_told(cases: StoredCases) -> None:
    for _ in range(3):
        await cases.learn("w", lesson())
    (case,) = await cases.list("w")
    for _ in range(2):
        await cases.count("w", case.id, "run_2", succeeded=False, cost_micros=None)
    (case,) = await cases.list("w")
    assert (case.succeeded, case.failed, case.cost_micros) == (1, 1, 5)


async def test_a_case_that_keeps_failing_is_retired_until_it_is_learned_anew(
    cases: StoredCases,
) -> None:
    await cases.learn("w", lesson())
    (case,) = await cases.list("w")
    for n in range(3):
        assert await told(cases, GOAL)
        await cases.count("w", case.id, f"run_f{n}", succeeded=False, cost_micros=None)
    (case,) = await cases.list("w")
    assert (case.retired, case.rate, await told(cases, GOAL)) == (True, rate_of(1, 3), [])
    assert rate_of(1, 3) < LEAST_RATE <= rate_of(1, 2)
    await cases.learn("w", lesson("run_9"))
    (case,) = await cases.list("w")
    assert (case.succeeded, case.failed, case.retired) == (1, 0, False)


async def test_of_many_who_are_told_of_the_same_runs_at_once_each_run_counts_once(cases: StoredCases) -> None:
    await asyncio.gather(*(cases.learn("w", lesson(f"run_{n % 4}")) for n in range(12)))
    (case,) = await cases.list("w")
    assert (case.succeeded, case.failed) == (4, 0)
    ends = [(f"run_{n % 6}", n % 2 == 0) for n in range(4, 18)]
    await asyncio.gather(
        *(cases.count("w", case.id, run_id, succeeded=good, cost_micros=9) for run_id, good in ends)
    )
    (case,) = await cases.list("w")
    assert (case.succeeded, case.failed, case.cost_micros) == (5, 1, 9)


async def test_what_a_workspace_knows_no_other_counts_forgets_or_is_told(cases: StoredCases) -> None:
    await cases.learn("w", lesson())
    (case,) = await cases.list("w")
    await cases.count("other", case.id, "run_2", succeeded=False, cost_micros=None)
    with pytest.raises(NotFound):
        await cases.forget("other", case.id)
    assert (await cases.list("other"), await cases.forget_all("other")) == ([], 0)
    assert await cases.list("w") == [case]


async def test_a_run_that_was_counted_brings_no_forgotten_case_back(cases: StoredCases) -> None:
    await cases.learn("w", lesson())
    (case,) = await cases.list("w")
    await cases.forget("w", case.id)
    await cases.learn("w", lesson())
    await cases.count("w", case.id, "run_2", succeeded=True, cost_micros=None)
    assert await cases.list("w") == []


async def test_cases_are_forgotten_one_by_one_and_all_at_once(cases: StoredCases) -> None:
    await cases.learn("w", lesson())
    await cases.learn("w", lesson("run_2", "Who pays?"))
    await cases.learn("other", lesson())
    await cases.forget("w", (await cases.list("w"))[0].id)
    with pytest.raises(NotFound):
        await cases.forget("w", "case_none")
    assert (await cases.forget_all("w"), await cases.list("w"), len(await cases.list("other"))) == (1, [], 1)


@pytest.mark.parametrize(
    ("goal", "similar"),
    [
        (GOAL.replace("2025", "2031"), True),
        (GOAL.replace("Mula", "Garza"), True),
        ("¿Cuánto dura la garantía de una Mula en 2025?", False),
        ("How long is a shift?", False),
    ],
)
def test_the_threshold_of_words(goal: str, similar: bool) -> None:
    assert is_similar(by_words(words_of(GOAL), words_of(goal)), 0.0) is similar


class Runs:
    """The events of one run."""

    def __init__(self, planner: str, *later: tuple[str, dict[str, Any]], **values: Any) -> None:
        self._rows: list[tuple[str, dict[str, Any]]] = [
            ("RunCreated", {"plan": [], "agent": "", "goal": GOAL, "language": ""}),
            ("PlanAdopted", {"planner": planner, "values": values, "tasks": TASKS}),
            *later,
        ]

    async def events(self, workspace_id: str, run_id: str) -> AsyncIterator[CloudEvent]:
        for n, (kind, data) in enumerate(self._rows, start=1):
            yield ended(kind, data, f"{run_id}:{n}", workspace_id)

    async def get(self, workspace_id: str, run_id: str) -> Any:
        del workspace_id, run_id

        class View:
            cost_micros = 7

        return View()


def ended(kind: str, data: dict[str, Any], event_id: str = "run_1:9", workspace: str = "w") -> CloudEvent:
    return CloudEvent(id=event_id, source="s", type=f"flowmatik.{kind}", time="", subject="run_1",
                      workspace_id=workspace, data=data)  # fmt: skip


FOUND, LOST = {"answer": {"found": True}}, {"answer": {"found": False}}


async def test_only_plans_of_models_that_worked_are_learned(cases: StoredCases) -> None:
    for planner, kind, data in (
        ("local", "RunSucceeded", FOUND),
        ("model", "RunFailed", {"code": "tool.failed"}),
        ("model", "RunSucceeded", LOST),
    ):
        runs: Any = Runs(planner)
        await CaseLearning(runs, cases, None)(ended(kind, data))
        assert await cases.list("w") == []
    runs = Runs("model")
    await CaseLearning(runs, cases, None)(ended("RunSucceeded", FOUND))
    (case,) = await cases.list("w")
    assert (case.goal, case.tasks, case.cost_micros, case.run_id) == (GOAL, 1, 7, "run_1")


async def test_what_comes_of_a_run_by_a_case_counts_if_the_plan_was_to_blame(
    cases: StoredCases,
) -> None:
    await cases.learn("w", lesson("run_0"))
    (case,) = await cases.list("w")
    runs: Any = Runs("case", case=case.id)
    learn = CaseLearning(runs, cases, None)
    await learn(ended("RunFailed", {"code": "budget.exhausted"}, "run_1:9"))
    await learn(ended("RunFailed", {"code": "tool.failed"}, "run_2:9"))
    await learn(ended("RunSucceeded", FOUND, "run_3:9"))
    (case,) = await cases.list("w")
    assert (case.succeeded, case.failed) == (2, 1)


def mended(code: str, cause: str = "failure") -> tuple[tuple[str, dict[str, Any]], ...]:
    """A task failed, and another took its place."""
    return ("TaskFailed", {"task_id": "a", "code": code}), ("PlanChanged", {"task_id": "a", "cause": cause})


def lacking(code: str) -> dict[str, Any]:
    return {"answer": {"found": True, "missing": [{"task_id": "a", "code": code}]}}


@pytest.mark.parametrize(
    ("later", "data", "learned", "counted"),
    [
        (mended("tool.failed"), FOUND, 0, (1, 1)),
        (mended("verify.failed", "verification"), FOUND, 0, (1, 1)),
        (mended("model.timeout"), FOUND, 1, (2, 0)),
        (mended("", "proposal"), FOUND, 1, (2, 0)),
        ((), lacking("tool.failed"), 0, (1, 1)),
        ((), lacking("budget.exhausted"), 0, (1, 0)),
    ],
)
async def test_a_plan_that_had_to_be_mended_or_left_something_out_is_none_that_worked(
    cases: StoredCases,
    later: tuple[tuple[str, dict[str, Any]], ...],
    data: dict[str, Any],
    learned: int,
    counted: tuple[int, int],
) -> None:
    runs: Any = Runs("model", *later)
    await CaseLearning(runs, cases, None)(ended("RunSucceeded", data))
    assert len(await cases.list("w")) == learned
    await cases.learn("other", lesson("run_0"))
    (case,) = await cases.list("other")
    runs = Runs("case", *later, case=case.id)
    await CaseLearning(runs, cases, None)(ended("RunSucceeded", data, workspace="other"))
    (case,) = await cases.list("other")
    assert (case.succeeded, case.failed) == counted
