"""Pydantic AI: an agent over its FunctionModel; no storage."""

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from benchmarks.agent_loop.load import ANSWER, ARGUMENTS, INSTRUCTIONS, PROMPT, RESULT, TOOL, cpu_per_run


async def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse(parts=[TextPart(ANSWER)])
    return ModelResponse(parts=[ToolCallPart(TOOL, ARGUMENTS)])


async def price(part: str) -> str:
    """The price of a part."""
    return RESULT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    agent = Agent(FunctionModel(script), instructions=INSTRUCTIONS)
    agent.tool_plain(price)

    async def one_run() -> str:
        return (await agent.run(PROMPT)).output

    return await cpu_per_run(job, one_run)
