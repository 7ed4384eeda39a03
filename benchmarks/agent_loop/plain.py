"""Plain asyncio: the three calls by hand, with nothing about them; the floor."""

from typing import Any

from benchmarks.agent_loop.load import ANSWER, ARGUMENTS, PROMPT, RESULT, cpu_per_run


async def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if messages[-1]["role"] == "tool":
        return {"role": "assistant", "content": ANSWER}
    return {"role": "assistant", "content": "", "call": ARGUMENTS}


async def price(part: str) -> str:
    return RESULT


async def one_run() -> str:
    messages: list[dict[str, Any]] = [{"role": "user", "content": PROMPT}]
    while True:
        reply = await model(messages)
        messages.append(reply)
        if "call" not in reply:
            return str(reply["content"])
        messages.append({"role": "tool", "content": await price(**reply["call"])})


async def measure(job: dict[str, Any]) -> dict[str, float]:
    return await cpu_per_run(job, one_run)
