"""A request says for which workspace it is, and is the same request all the same; kept answers are free."""

import asyncio
from dataclasses import replace

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import Message, ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core import events as ev
from flowmatik.core.engine.requests import request_hash
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import told

CLERK = AgentVersion(
    name="clerk", version="0" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",)
)
KEPT = ModelReply(text="It is Ana.", usage=Usage(), cost_micros=0, model="x/y", cached=True)


def test_neither_the_workspace_nor_the_wish_for_a_kept_answer_makes_another_request() -> None:
    plain = ModelRequest(model="x/y", messages=(Message(role="user", content="Hello"),))
    assert request_hash(plain) == request_hash(replace(plain, workspace_id="w", cache=True))


async def test_a_run_asks_for_its_workspace_and_a_kept_answer_is_free_and_marked_in_its_history() -> None:
    journal, models = InMemoryJournal(SystemClock()), ScriptedModels(lambda request: KEPT, worst_micros=900)
    task = PlanTask(id="a", objective="write", skill="letters", criteria=())
    async with running_engine(journal=journal, models=models, agents=(CLERK,), loop=ReducerLoop()) as engine:
        run_id = await engine.runs.create("w7", NewRun(goal="Write.", plan=(task,), budget_micros=1000))
        view = await asyncio.wait_for(engine.runs.wait("w7", run_id), 120)
    await told(journal, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert view.cost_micros == 0
    assert {request.workspace_id for request in models.requests} == {"w7"}
    events = [ev.decode(one) for one in await whole(journal, run_id)]
    replies = [one.reply for one in events if isinstance(one, ev.CallSucceeded) and one.reply is not None]
    assert [one.cached for one in replies] == [True]
