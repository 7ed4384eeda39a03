"""A call that takes a step back, in whose arguments guardrails find something: it waits for a person,
whatever the run ends with."""

import asyncio
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import Verdict
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.resting import WS, person
from tests.unit.core.test_compensation import Shop, ended, last

GUARD = AgentVersion(
    name="planner",
    version="8" * 12,
    role="planner",
    summary="",
    instructions="Plan.",
    guardrails=(
        Guardrail(check="topic", on="tool_arguments", on_fail="refuse", words=("weapons",)),
        Guardrail(check="pii", on="tool_arguments", on_fail="fix"),
    ),
)
UNDO = Compensation(tool="unbook", arguments={"what": {"$result": "id.of"}, "why": "no weapons"})
PLAN = (
    PlanTask(id="hall", objective="", tool="book", arguments={"what": "hall"}, compensation=UNDO),
    last("hang", "hall"),
)


def shop_engine(shop: Shop, journal: InMemoryJournal | None = None) -> Any:
    return running_engine(tools=shop.tools(), journal=journal, agents=[GUARD], loop=ReducerLoop())


async def cancelled(engine: EngineHandle, shop: Shop) -> str:
    """Until somebody is asked."""
    run_id = await engine.runs.create(WS, NewRun(goal="x", plan=PLAN))
    await shop.began.wait()
    await engine.runs.cancel(WS, run_id, reason="enough")

    async def asked() -> bool:
        return bool((await engine.approvals.list(WS)).items)

    await eventually(asked, 60)
    return run_id


async def decide(engine: EngineHandle, decision: Any) -> None:
    (asked,) = (await engine.approvals.list(WS)).items
    verdict = Verdict(decision=decision, arguments_hash=asked.arguments_hash, comment="so be it")
    await engine.approvals.decide(WS, asked.id, verdict, by=person("ana"))


@pytest.mark.parametrize(("decision", "status"), [("approve", "succeeded"), ("deny", "failed")])
async def test_a_cancelled_run_waits_until_a_person_has_decided_what_is_taken_back(
    decision: str, status: str
) -> None:
    shop = Shop()
    async with shop_engine(shop) as engine:
        run_id = await cancelled(engine, shop)
        view = await engine.runs.get(WS, run_id)
        assert (view.ended_at, shop.done) == ("", ["book hall"])
        assert view.approvals[0].arguments["found"] == [{"check": "topic", "kind": "forbidden", "count": 1}]
        await decide(engine, decision)
        view = await ended(engine, run_id)
    [undone] = view.compensations
    assert (view.status, view.error, undone.status) == (RunStatus.CANCELLED, "enough", status)
    assert shop.done == ["book hall", "unbook hall"][: 2 if decision == "approve" else 1]
    if decision == "approve":
        assert shop.arguments == [{"what": "hall", "why": "no weapons"}], "as it stands, which they agreed to"
    else:
        assert undone.error_code == "guardrail.denied"


async def test_who_has_the_run_next_goes_on_waiting() -> None:
    shop, journal = Shop(), InMemoryJournal(SystemClock())
    async with shop_engine(shop, journal) as engine:
        run_id = await cancelled(engine, shop)
    async with shop_engine(shop, journal) as engine:
        await decide(engine, "approve")
        view = await ended(engine, run_id)
    assert (view.status, shop.done) == (RunStatus.CANCELLED, ["book hall", "unbook hall"])


async def test_a_hard_cancel_waits_for_nobody_and_withdraws_the_question() -> None:
    shop = Shop()
    async with shop_engine(shop) as engine:
        run_id = await cancelled(engine, shop)
        await engine.control.cancel_hard(WS, run_id, reason="now")
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert not (await engine.approvals.list(WS)).items
    assert (view.status, shop.done) == (RunStatus.CANCELLED, ["book hall"])


async def test_a_retry_does_not_inherit_what_people_were_asked_about_taking_back() -> None:
    shop = Shop()
    plan = (PLAN[0], last("fail", "hall"))
    async with shop_engine(shop) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))

        async def asked() -> bool:
            return bool((await engine.approvals.list(WS)).items)

        await eventually(asked, 60)
        await decide(engine, "deny")
        await ended(engine, run_id)
        again = await engine.control.retry(WS, run_id)
        await eventually(asked, 60)
        await decide(engine, "approve")
        view = await ended(engine, again)
    assert (view.status, shop.done) == (RunStatus.FAILED, ["book hall", "unbook hall"])
