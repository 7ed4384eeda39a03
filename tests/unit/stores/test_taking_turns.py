"""Work that locks everybody out is done once for all who wait for it, and not all the time."""

import asyncio

from flowmatik.stores.vacuum import TakingTurns
from flowmatik.testing.clock import SkippingClock


async def test_those_who_ask_while_one_is_at_work_share_the_next_one() -> None:
    times, begun, may_end = list[int](), asyncio.Event(), asyncio.Event()

    async def work() -> bool:
        times.append(len(times))
        begun.set()
        await may_end.wait()
        return True

    turns = TakingTurns(work, SkippingClock())
    first = asyncio.create_task(turns())
    await begun.wait()
    others = [asyncio.create_task(turns()) for _ in range(20)]
    await asyncio.sleep(0)
    others[0].cancel()
    may_end.set()
    assert await first
    assert await asyncio.gather(*others[1:]) == [True] * 19
    assert times == [0, 1]


async def test_it_rests_as_long_as_it_worked() -> None:
    clock = SkippingClock()

    async def work() -> bool:
        await clock.sleep(7.0)
        return True

    turns = TakingTurns(work, clock)
    await turns()
    await turns()
    assert clock.slept == [7.0, 7.0, 7.0]
