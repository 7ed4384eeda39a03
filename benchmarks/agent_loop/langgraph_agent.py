"""LangGraph: its prebuilt agent over a chat model that answers in the process; no storage."""

import warnings
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from benchmarks.agent_loop.load import ANSWER, ARGUMENTS, INSTRUCTIONS, PROMPT, RESULT, TOOL, cpu_per_run


class Scripted(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("this benchmark is asynchronous")

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            said = AIMessage(content=ANSWER)
        else:
            said = AIMessage(content="", tool_calls=[{"id": "c1", "name": TOOL, "args": ARGUMENTS}])
        return ChatResult(generations=[ChatGeneration(message=said)])


@tool
async def price(part: str) -> str:
    """The price of a part."""
    return RESULT


async def measure(job: dict[str, Any]) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to move to another package
        from langgraph.prebuilt import create_react_agent

        graph: Any = create_react_agent(Scripted(), [price], prompt=INSTRUCTIONS)

    async def one_run() -> str:
        answered = await graph.ainvoke({"messages": [("user", PROMPT)]})
        return str(answered["messages"][-1].content)

    return await cpu_per_run(job, one_run)
