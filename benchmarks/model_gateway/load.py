"""The same load for every contestant: calls that begin at even distances, so that about as many as asked for
are under way at any time, and nobody waits for the processor.

The server takes a fixed time for each, and hardly any for the first few, which only warm up. What a call
takes beyond that is the client's, and a little the server's and the machine's, which the bare client shows.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

PROMPT = "Say hello, and a little more, so that there is something to send."
INSTRUCTIONS = "Answer friendly."
MAX_TOKENS = 256
WARM_UP = 10

Arrived = Callable[[], None]
OneCall = Callable[[Arrived], Awaitable[str]]


def seconds_of(job: Mapping[str, Any]) -> float:
    """What the server takes for an answer: less for a few calls, which could never all be under way."""
    return min(float(job["under_way"]), float(job["n"]) * 5 / 6) / float(job["per_second"])


def address_of(job: Mapping[str, Any]) -> str:
    """By its second part the server knows whose first calls these are."""
    return f"{job['address']}/{seconds_of(job)}/{WARM_UP}-{uuid4().hex}/v1"


async def measured(job: Mapping[str, Any], one_call: OneCall, expected: str) -> dict[str, float]:
    """`value` is the median of the milliseconds beyond the server's time, until the answer (or the first
    piece of a stream) arrived, `p99` what one in a hundred takes longer than, and `cpu` milliseconds of this
    process for a call."""
    seconds, count, per_second = seconds_of(job), int(job["n"]), float(job["per_second"])
    await asyncio.gather(*(one_call(_nothing) for _ in range(WARM_UP)))
    gc.collect()
    gc.freeze()  # as servers do when all is loaded: what stays is not looked through again, by nobody here
    times: list[float] = []

    async def call() -> None:
        began = time.perf_counter()
        text = await one_call(lambda: times.append(time.perf_counter() - began))
        assert text == expected, text

    spent, loop = time.process_time(), asyncio.get_running_loop()
    first, calls = loop.time(), list[asyncio.Task[None]]()
    for number in range(count):
        await asyncio.sleep(max(0.0, first + number / per_second - loop.time()))
        calls.append(asyncio.create_task(call()))
    await asyncio.gather(*calls)
    spent = time.process_time() - spent
    beyond = sorted((taken - seconds) * 1000 for taken in times)
    return {
        "value": statistics.median(beyond),
        "p99": beyond[max(0, round(len(beyond) * 0.99) - 1)],
        "cpu": spent / count * 1000,
    }


def _nothing() -> None:
    return
