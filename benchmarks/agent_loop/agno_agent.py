"""Agno: an agent over a model class that answers in the process; no storage, no telemetry."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse

from benchmarks.agent_loop.load import ANSWER, ARGUMENTS, INSTRUCTIONS, PROMPT, RESULT, TOOL, cpu_per_run


@dataclass
class Scripted(Model):
    id: str = "scripted"

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError("this benchmark is asynchronous")

    async def ainvoke(self, messages: list[Any], *args: Any, **kwargs: Any) -> ModelResponse:
        if messages[-1].role == "tool":
            return ModelResponse(role="assistant", content=ANSWER)
        call = {
            "id": "c1",
            "type": "function",
            "function": {"name": TOOL, "arguments": json.dumps(ARGUMENTS)},
        }
        return ModelResponse(role="assistant", tool_calls=[call])

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        raise NotImplementedError("this benchmark does not stream")

    def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponse]:
        raise NotImplementedError("this benchmark does not stream")

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response


async def price(part: str) -> str:
    """The price of a part."""
    return RESULT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    agent: Any = Agent(model=Scripted(), tools=[price], instructions=INSTRUCTIONS, telemetry=False)

    async def one_run() -> str:
        return str((await agent.arun(PROMPT)).content)

    return await cpu_per_run(job, one_run)
