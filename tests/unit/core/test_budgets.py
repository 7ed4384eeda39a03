"""The budget of a run and the caps of its tasks, through the engine: each holds what is spent under it, and
refuses nothing that would fit."""

from dataclasses import replace

import pytest

from flowmatik.agents.profiles.parse import parse_profile
from flowmatik.app.texts import Texts
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.runs import NewRun, RunStatus, RunView, TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.engine.budgets import Fit, fit
from flowmatik.core.journal.port import Creation
from tests.unit.core.paid import (
    CLERK,
    COST,
    MODEL,
    WORST,
    WS,
    Paid,
    answered,
    ended,
    in_virtual_time,
    journal,
    now,
    paying_engine,
    task,
)

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata: {{name: clerk}}
summary: Answers.
role: clerk
instructions: Answer.
budgets: {{usd: {usd}}}
"""
SPANISH, ENGLISH = Texts("es"), Texts("en")


def clerk(budget: int | None) -> AgentVersion:
    return replace(CLERK, budget_micros=budget)


def statuses(view: RunView) -> list[str]:
    return [one.status.value for one in view.tasks]


@pytest.mark.parametrize(
    ("cap", "spent", "reserved", "found"),
    [
        (None, 900, 900, Fit.NOW),
        (100, 0, 0, Fit.NOW),
        (100, 0, 1, Fit.LATER),
        (100, 1, 0, Fit.NEVER),
        (100, 1, 1, Fit.NEVER),
        (160, 60, 0, Fit.NOW),
    ],
)
def test_a_call_fits_now_or_once_others_cost_nothing_or_never(
    cap: int | None, spent: int, reserved: int, found: Fit
) -> None:
    assert fit(cap, spent, reserved, 100) is found


# --- one task ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("usd", "worst", "calls"), [("0", WORST, 0), ("0.0001", WORST, 1), ("0", 0, 1)])
def test_the_budget_in_a_profile_holds_each_task_of_the_agent(usd: str, worst: int, calls: int) -> None:
    async def main() -> None:
        agent = parse_profile(PROFILE.format(usd=usd), filename="clerk.yaml")
        models = Paid(cost=min(COST, worst), worst={MODEL: worst})
        async with paying_engine(models, agent) as engine:
            view = await ended(engine, [task("a")])
        assert len(models.requests) == calls
        assert view.error_code == ("" if calls else "budget.exhausted")

    in_virtual_time(main)


def test_a_task_over_its_cap_fails_and_the_rest_of_the_plan_goes_on() -> None:
    async def main() -> None:
        agents = (clerk(99), replace(CLERK, name="cook", role="cook"))
        plan = [task("a"), task("needs_a", "a"), task("b", agent="cook"), task("after_b", "b", agent="cook")]
        async with paying_engine(Paid(), *agents) as engine:
            view = await ended(engine, plan)
        assert statuses(view) == ["failed", "skipped", "succeeded", "succeeded"]
        assert view.cost_micros == 2 * COST
        assert view.tasks[0].error_code == "budget.exhausted"
        assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted"), "an end is missing"

    in_virtual_time(main)


@pytest.mark.parametrize(
    ("of_plan", "of_agent", "said"),
    [
        (
            40,
            None,
            "de los 0.00004 que puede costar la tarea a quedan 0.00004; da más presupuesto a la tarea",
        ),
        (40, 50, "de los 0.00004 que puede costar la tarea a quedan 0.00004; da más presupuesto a la tarea"),
        (50, 40, "de los 0.00004 que clerk puede gastar en una tarea quedan 0.00004; sube budgets.usd en su"),
        (None, 40, "de los 0.00004 que clerk puede gastar en una tarea quedan 0.00004; sube budgets.usd en"),
    ],
)
def test_the_least_of_what_the_plan_and_the_agent_permit_holds_and_is_named(
    of_plan: int | None, of_agent: int | None, said: str
) -> None:
    async def main() -> None:
        async with paying_engine(Paid(), clerk(of_agent)) as engine:
            view = await ended(engine, [task("a", budget=of_plan)])
        assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted")
        for fault in (view, view.tasks[0]):
            assert said in SPANISH.fault(fault.error_code, fault.error_values, fault.error)

    in_virtual_time(main)


def test_the_cap_of_a_task_counts_what_that_task_spent_and_nothing_else() -> None:
    async def main() -> None:
        plan = [task("a", budget=WORST), task("b", "a", budget=WORST), task("c", "b")]
        async with paying_engine(Paid(), clerk(WORST)) as engine:
            view = await ended(engine, plan)
        assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, 3 * COST)

    in_virtual_time(main)


class _NeverJson(Paid):
    """Each answer is told back to the model, until the task fails."""

    async def _answer(self, request: ModelRequest) -> ModelReply:
        return answered(self.cost, "no JSON")


@pytest.mark.parametrize(("cap", "calls"), [(None, 6), (COST + WORST, 2), (3 * COST + WORST - 1, 3)])
def test_a_task_that_is_tried_another_way_keeps_what_it_spent(cap: int | None, calls: int) -> None:
    async def main() -> None:
        models = _NeverJson()
        agent = replace(clerk(cap), output_schema={"type": "object"})
        async with paying_engine(models, agent) as engine:
            view = await ended(engine, [task("a")])
        assert len(models.requests) == calls
        assert view.error_code == ("agent.output" if cap is None else "budget.exhausted")

    in_virtual_time(main)


def test_a_planner_over_its_budget_is_replaced_by_the_local_plan_which_says_so() -> None:
    async def main() -> None:
        planner = replace(CLERK, name="planner", role="planner", budget_micros=WORST - 1)
        models = Paid()
        async with paying_engine(models, planner, replace(CLERK, skills=("documents",))) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="Who signs?"))
            view = await engine.runs.wait(WS, run_id)
            assert (await engine.runs.replay(WS, run_id)).differences == ()
        assert (view.status, view.planner) == (RunStatus.SUCCEEDED, "local")
        assert "planner may spend on one task" in ENGLISH.said(f"plan.{view.plan_code}", view.plan_values, "")
        assert len(models.requests) == 1, "the task's own"

    in_virtual_time(main)


def test_under_a_task_cap_a_model_without_a_price_fails_the_task() -> None:
    async def main() -> None:
        plan = [task("a", budget=10**9), task("b", agent="cook")]
        agents = (replace(CLERK, model="odd/model"), replace(CLERK, name="cook", role="cook"))
        models = Paid()
        async with paying_engine(models, *agents) as engine:
            view = await ended(engine, plan)
        assert statuses(view) == ["failed", "succeeded"]
        assert view.tasks[0].error.startswith("the price of 'odd/model' is not known")

    in_virtual_time(main)


def test_the_cap_of_a_task_ends_a_run_that_was_begun_before_version_four() -> None:
    async def main() -> None:
        over = journal()
        created = ev.RunCreated(
            run_id="run_1", workspace_id=WS, goal="g", created_at="2026-01-31T00:00:00+00:00", model=MODEL,
            agents=(CLERK,), plan=(task("a", budget=1), task("b")), decision_version=3,
        )  # fmt: skip
        creation = Creation(
            run_id="run_1", workspace_id=WS, goal="g", idempotency_key="", events=(ev.encode(created),)
        )
        await over.create(creation)
        async with paying_engine(Paid(), over=over) as engine:
            view = await engine.runs.wait(WS, "run_1")
            assert (await engine.runs.replay(WS, "run_1")).differences == ()
        assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted")
        assert [one.status for one in view.tasks] == [TaskStatus.RUNNING, TaskStatus.PENDING]

    in_virtual_time(main)


# --- the run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [True, False], ids=["at once", "in a chain"])
@pytest.mark.parametrize(
    ("budget", "cost", "calls"),
    [(290, 60, 3), (220, 60, 3), (219, 60, 2), (100, 0, 3), (100, 1, 1), (300, 100, 3), (299, 100, 2)],
)
def test_a_budget_refuses_only_what_does_not_fit_beside_what_was_spent(
    budget: int, cost: int, calls: int, *, parallel: bool
) -> None:
    async def main() -> None:
        models = Paid(cost=cost)
        plan = [task("a"), task("b", *() if parallel else "a"), task("c", *() if parallel else "b")]
        async with paying_engine(models) as engine:
            view = await ended(engine, plan, budget)
        assert len(models.requests) == calls
        assert view.cost_micros == calls * cost
        assert view.error_code == ("" if calls == len(plan) else "budget.exhausted")

    in_virtual_time(main)


class _HalfSlow(Paid):
    """One model takes long."""

    async def _answer(self, request: ModelRequest) -> ModelReply:
        self.seconds = 500 if request.model == MODEL else 1
        return await super()._answer(request)


def test_a_run_that_is_refused_money_does_not_wait_for_its_other_calls() -> None:
    async def main() -> None:
        models = _HalfSlow(worst={MODEL: WORST, "quick/model": COST})
        quick = replace(CLERK, name="quick", role="quick", model="quick/model")
        odd = replace(CLERK, name="odd", role="odd", model="odd/model")
        plan = [task("slow"), task("quick", agent="quick"), task("odd", "quick", agent="odd")]
        async with paying_engine(models, CLERK, quick, odd) as engine:
            view = await ended(engine, plan, budget=1000)
            assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted")
            assert view.cost_micros == WORST + COST, "what was cut off counts at its worst"
            assert now() < 2

    in_virtual_time(main)
