"""A run as people see it."""

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.runs import NewRun
from tests.unit.core.engines import running_engine

CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")


async def test_every_time_of_a_run_is_written_in_one_way_also_in_lists() -> None:
    async with running_engine(agents=(CLERK,), loop=ReducerLoop()) as engine:
        view = await engine.runs.wait("w", await engine.runs.create("w", NewRun(goal="g", agent="clerk")))
        (listed,) = (await engine.runs.list("w")).items
    times = (view.created_at, view.ended_at, listed.created_at, listed.ended_at)
    assert all(time.endswith("Z") and "+" not in time for time in times), times
