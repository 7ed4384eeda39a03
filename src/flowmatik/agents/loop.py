"""The agent loop as a reducer: model turns and tool outcomes in, the next actions out.

Pure and cheap: it runs inside the engine's fold, so no I/O, no clock, no validation library on
the way of a plain turn.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flowmatik.agents.output import parse_json, schema_fault
from flowmatik.contracts.agents import (
    AgentVersion,
    CallModel,
    CallTool,
    LoopAction,
    LoopDone,
    LoopFailed,
    LoopState,
    ToolOutcome,
)
from flowmatik.contracts.models import Message, ModelReply, ToolCall
from flowmatik.kernel import canonical

REPAIRS = 2


class ReducerLoop:
    """Implements `AgentLoop`."""

    def start(self, agent: AgentVersion, prompt: str) -> LoopState:
        system = Message(role="system", content=agent.instructions)
        return LoopState(messages=(system, Message(role="user", content=prompt)))

    def on_model(self, agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
        said = Message(role="assistant", content=reply.text, tool_calls=reply.tool_calls)
        state = replace(state, messages=(*state.messages, said), turns=state.turns + 1)
        if reply.tool_calls:
            return _wishes(agent, state, reply.tool_calls)
        if agent.output_schema is None and reply.finish == "refused":
            absent: dict[str, Any] = {"found": False, "text": reply.text, "citations": []}
            return replace(state, done=LoopDone(output=absent))
        if agent.output_schema is None:
            return replace(state, done=LoopDone(output=reply.text))
        try:
            output = parse_json(reply.text)
        except ValueError as error:
            return _repair(state, f"The answer is not JSON ({error}). Answer with the JSON object alone.")
        fault = schema_fault(agent.output_schema, output)
        if fault:
            return _repair(state, f"The answer does not fit its schema: {fault}. Answer again.")
        return replace(state, done=LoopDone(output=output))

    def on_tool(self, agent: AgentVersion, state: LoopState, outcome: ToolOutcome) -> LoopState:
        del agent
        content = canonical.dumps({"error": outcome.error} if outcome.error else outcome.result)
        told = Message(role="tool", content=content, tool_call_id=outcome.tool_call_id, name=outcome.name)
        pending = tuple(call for call in state.pending if call.tool_call_id != outcome.tool_call_id)
        return replace(state, messages=(*state.messages, told), pending=pending)

    def next(self, agent: AgentVersion, state: LoopState) -> Sequence[LoopAction]:
        if state.done is not None:
            return (state.done,)
        if state.pending:
            return state.pending
        if state.turns >= agent.max_turns:
            message = f"{agent.name} did not finish within {agent.max_turns} turns; raise budgets.turns"
            return (LoopFailed(code="agent.turns", message=message),)
        return (CallModel(messages=state.messages, tools=agent.tools, output_schema=agent.output_schema),)


def _wishes(agent: AgentVersion, state: LoopState, calls: tuple[ToolCall, ...]) -> LoopState:
    """Calls that can be made become pending; the others are answered with what is wrong."""
    pending: list[CallTool] = []
    messages = list(state.messages)
    for n, call in enumerate(calls):
        # Providers repeat ids between turns, or leave them out; ours are unique in the task.
        call_id = f"t{state.turns}.{n}"
        fault = ""
        if call.arguments is None:
            fault = f"the arguments are not a JSON object: {call.raw[:200]!r}"
        elif call.name not in agent.tools:
            fault = f"there is no tool {call.name!r}; there is {', '.join(agent.tools) or 'none'}"
        if fault:
            content = canonical.dumps({"error": fault})
            messages.append(Message(role="tool", content=content, tool_call_id=call_id, name=call.name))
        else:
            pending.append(CallTool(tool_call_id=call_id, name=call.name, arguments=call.arguments or {}))
    said = messages[len(state.messages) - 1]
    renamed = tuple(
        replace(call, id=f"t{state.turns}.{n}", arguments=call.arguments or {})
        for n, call in enumerate(calls)
    )
    messages[len(state.messages) - 1] = replace(said, tool_calls=renamed)
    return replace(state, messages=tuple(messages), pending=tuple(pending))


def _repair(state: LoopState, what: str) -> LoopState:
    if state.repairs >= REPAIRS:
        failed = LoopFailed(code="agent.output", message=f"after {REPAIRS} corrections: {what}")
        return replace(state, done=failed)
    asked = Message(role="user", content=what)
    return replace(state, messages=(*state.messages, asked), repairs=state.repairs + 1)
