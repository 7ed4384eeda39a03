"""Flowmatik: a run for one agent, with its journal, intents, outbox and budget."""

from typing import Any

from benchmarks.agent_loop.load import ANSWER, ARGUMENTS, INSTRUCTIONS, PROMPT, RESULT, TOOL, cpu_per_run
from benchmarks.ours import running_engine
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import ToolContext
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools

AGENT = AgentVersion(
    name="clerk", version="0" * 12, role="clerk", summary="", instructions=INSTRUCTIONS, tools=(TOOL,)
)


def script(request: ModelRequest) -> ModelReply:
    if request.messages[-1].role == "tool":
        return ModelReply(text=ANSWER)
    return ModelReply(
        text="", tool_calls=(ToolCall(id="c1", name=TOOL, arguments=ARGUMENTS),), finish="tool_calls"
    )


async def price(arguments: dict[str, Any], context: ToolContext) -> object:
    return RESULT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    tools = FunctionTools({TOOL: FunctionTool(function=price)})
    async with running_engine(job, tools=tools, models=ScriptedModels(script), agents=(AGENT,)) as engine:

        async def one_run() -> str:
            run_id = await engine.runs.create("default", NewRun(goal=PROMPT, agent=AGENT.name))
            view = await engine.runs.wait("default", run_id)
            return view.answer.text if view.answer else f"{view.status}: {view.error}"

        return await cpu_per_run(job, one_run)
