"""Who waits for a run to come to rest misses nothing, whenever it is told."""

import asyncio
from typing import cast

from flowmatik.contracts.runs import RunStatus
from flowmatik.core.engine.watch import Rested, Watch
from flowmatik.core.state import RunState

LONG = 30.0


def left(status: RunStatus) -> Rested:
    return Rested(state=cast("RunState", None), status=status)


async def test_what_is_told_before_anybody_waits_is_heard() -> None:
    watch = Watch()
    with watch.resting("run_1") as here:
        watch.rested("run_1", left(RunStatus.WAITING))
        watch.rested("run_1", left(RunStatus.SUCCEEDED))
        heard = await here.left(LONG)
    assert heard is not None
    assert heard.status is RunStatus.SUCCEEDED


async def test_what_is_told_in_the_moment_of_giving_up_is_heard_the_next_time() -> None:
    watch = Watch()
    with watch.resting("run_1") as here:
        waiting = asyncio.ensure_future(here.left(0.0))
        await asyncio.sleep(0)  # it waits, and its time is over
        asyncio.get_running_loop().call_later(0.0, watch.rested, "run_1", left(RunStatus.FAILED))
        assert await waiting is None
        heard = await here.left(LONG)
    assert heard is not None
    assert heard.status is RunStatus.FAILED


async def test_each_rest_is_heard_once_and_only_of_the_run() -> None:
    watch = Watch()
    with watch.resting("run_1") as here:
        watch.rested("run_2", left(RunStatus.FAILED))
        assert await here.left(0.0) is None
        watch.rested("run_1", left(RunStatus.WAITING))
        assert await here.left(LONG) is not None
        assert await here.left(0.0) is None
    watch.rested("run_1", left(RunStatus.SUCCEEDED))  # nobody is there any more
