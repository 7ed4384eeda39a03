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
        if reply.tool_calls:
            return _wishes(agent, state, reply)
        said = Message(role="assistant", content=reply.text)
        messages, turns = (*state.messages, said), state.turns + 1
        if agent.output_schema is None:
            output: Any = reply.text
            if reply.finish == "refused":
                output = {"found": False, "text": reply.text, "citations": []}
            return LoopState(messages=messages, turns=turns, done=LoopDone(output=output))
        state = LoopState(messages=messages, turns=turns, repairs=state.repairs)
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
        return LoopState(
            messages=(*state.messages, told),
            turns=state.turns,
            pending=tuple(call for call in state.pending if call.tool_call_id != outcome.tool_call_id),
            repairs=state.repairs,
            done=state.done,
        )

    def next(self, agent: AgentVersion, state: LoopState) -> Sequence[LoopAction]:
        if state.done is not None:
            return (state.done,)
        if state.pending:
            return state.pending
        if state.turns >= agent.max_turns:
            message = f"{agent.name} did not finish within {agent.max_turns} turns; raise budgets.turns"
            return (LoopFailed(code="agent.turns", message=message),)
        return (CallModel(messages=state.messages, tools=agent.tools, output_schema=agent.output_schema),)


def _wishes(agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
    """Calls that can be made become pending; the others are answered with what is wrong."""
    turns = state.turns + 1
    said: list[ToolCall] = []
    pending: list[CallTool] = []
    faults: list[Message] = []
    for n, call in enumerate(reply.tool_calls):
        # Providers repeat ids between turns, or leave them out; ours are unique in the task.
        call_id, arguments = f"t{turns}.{n}", call.arguments or {}
        said.append(ToolCall(id=call_id, name=call.name, arguments=arguments, raw=call.raw))
        if fault := _fault(agent, call):
            content = canonical.dumps({"error": fault})
            faults.append(Message(role="tool", content=content, tool_call_id=call_id, name=call.name))
        else:
            pending.append(CallTool(tool_call_id=call_id, name=call.name, arguments=arguments))
    wish = Message(role="assistant", content=reply.text, tool_calls=tuple(said))
    return LoopState(
        messages=(*state.messages, wish, *faults),
        turns=turns,
        pending=tuple(pending),
        repairs=state.repairs,
    )


def _fault(agent: AgentVersion, call: ToolCall) -> str:
    """Why a call cannot be made; "" when it can."""
    if call.arguments is None:
        return f"the arguments are not a JSON object: {call.raw[:200]!r}"
    if call.name not in agent.tools:
        return f"there is no tool {call.name!r}; there is {', '.join(agent.tools) or 'none'}"
    return ""


def _repair(state: LoopState, what: str) -> LoopState:
    if state.repairs >= REPAIRS:
        failed = LoopFailed(code="agent.output", message=f"after {REPAIRS} corrections: {what}")
        return replace(state, done=failed)
    asked = Message(role="user", content=what)
    return replace(state, messages=(*state.messages, asked), repairs=state.repairs + 1)
