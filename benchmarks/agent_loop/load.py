"""The same load for every contestant: two model calls and one tool call, a thousand runs at once.

The model answers at once, so what is left is the framework's own work. CPU is the whole process's,
threads included.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

PROMPT = "What does the part cost?"
INSTRUCTIONS = "Answer with the price that the tool tells."
TOOL = "price"
TOOL_DESCRIPTION = "The price of a part."
ARGUMENTS = {"part": "K-42"}
RESULT = "12.50"
ANSWER = "The part K-42 costs 12.50."
WARM_UP = 20

OneRun = Callable[[], Awaitable[str]]


async def cpu_per_run(job: Mapping[str, Any], one_run: OneRun) -> dict[str, float]:
    """Milliseconds of CPU; every run must give the model's last answer."""
    await asyncio.gather(*(one_run() for _ in range(WARM_UP)))
    count = int(job["n"])
    began = time.process_time()
    answers = await asyncio.gather(*(one_run() for _ in range(count)))
    spent = time.process_time() - began
    wrong = [answer for answer in answers if answer != ANSWER]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {count} runs ended otherwise, such as {wrong[0]!r}")
    return {"value": spent / count * 1000}
