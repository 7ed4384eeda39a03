"""Flowmatik's agent loop without the engine: the reducer and the tool box. It keeps nothing, as no peer."""

from typing import Any

from benchmarks.agent_loop.load import INSTRUCTIONS, PROMPT, RESULT, TOOL, cpu_per_run
from benchmarks.agent_loop.ours import script
from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.skills.box import SkillBox, skill
from flowmatik.contracts.agents import AgentVersion, CallModel, CallTool, LoopDone, ToolOutcome
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolSchema
from flowmatik.contracts.tools import ToolContext

AGENT = AgentVersion(
    name="clerk", version="0" * 12, role="clerk", summary="", instructions=INSTRUCTIONS, tools=(TOOL,)
)
CONTEXT = ToolContext(workspace_id="default", run_id="run_1", call_id="call_1", idempotency_key="k")
MODEL = "scripted/one"
NEWEST = 6  # the decision version


async def price(context: ToolContext, part: str) -> str:
    """The price of a part."""
    return RESULT


async def model(request: ModelRequest) -> ModelReply:
    return script(request)


async def measure(job: dict[str, Any]) -> dict[str, float]:
    loop, box = ReducerLoop(), SkillBox([skill(price)])
    spec = box.specs()[TOOL]
    tools = (ToolSchema(name=spec.name, description=spec.description, parameters=spec.parameters),)

    async def one_run() -> str:
        state = loop.start(AGENT, PROMPT, NEWEST)
        while True:
            for action in loop.next(AGENT, state):
                match action:
                    case CallModel():
                        asked = ModelRequest(model=MODEL, messages=action.messages, tools=tools)
                        state = loop.on_model(AGENT, state, await model(asked))
                    case CallTool():
                        result = await box.call(action.name, action.arguments, CONTEXT)
                        outcome = ToolOutcome(
                            tool_call_id=action.tool_call_id, name=action.name, result=result
                        )
                        state = loop.on_tool(AGENT, state, outcome)
                    case LoopDone():
                        return str(action.output)
                    case failed:
                        return failed.message

    return await cpu_per_run(job, one_run)
