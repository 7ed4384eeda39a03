"""The agent loop as a reducer: model turns and tool outcomes in, the next actions out.

Pure and cheap: it runs inside the engine's fold, so no I/O, no clock, no validation library on
the way of a plain turn.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
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
from flowmatik.kernel.sources import digest_of

REPAIRS = 2
CUT_REPAIRS = 1  # a model that cannot be brief when asked to will not be, and each try costs a whole answer
CUT_CALL = "not called: the reply that asks for it was cut off"
WHOLE = 4  # the decision version from which a reply that was cut off, or nests too deeply, is told back


class ReducerLoop:
    """Implements `AgentLoop`."""

    @property
    def fold_version(self) -> str:
        return _version()

    def start(self, agent: AgentVersion, prompt: str, version: int) -> LoopState:
        system = Message(role="system", content=agent.instructions)
        return LoopState(messages=(system, Message(role="user", content=prompt)), version=version)

    def on_model(self, agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
        if not state.heard:
            return self._on_model(agent, state, reply)
        heard, now = state.heard, self._on_model(agent, replace(state, heard=()), reply)
        if isinstance(now.done, LoopDone):  # it was said before the model had heard everything
            now = replace(now, done=None)
        return _told(now, heard)

    def _on_model(self, agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
        cut = state.version >= WHOLE and reply.finish in ("length", "filtered")
        if reply.tool_calls:
            wished = _wishes(agent, state, reply, cut=cut)
            return _told_cut(agent, wished, reply) if cut else wished
        said = Message(role="assistant", content=reply.text)
        messages, turns = (*state.messages, said), state.turns + 1
        if agent.output_schema is None and not cut:
            output: Any = reply.text
            if reply.finish == "refused":
                output = {"found": False, "text": reply.text, "citations": []}
            return LoopState(
                messages=messages, turns=turns, version=state.version, done=LoopDone(output=output)
            )
        state = replace(state, messages=messages, turns=turns, pending=(), cut=state.cut if cut else 0)
        fault, output = _structured(agent.output_schema, reply.text, state.version, cut=cut)
        if not fault:
            return replace(state, done=LoopDone(output=output))
        return _told_cut(agent, state, reply) if cut else _repair(state, fault)

    def on_tool(self, agent: AgentVersion, state: LoopState, outcome: ToolOutcome) -> LoopState:
        del agent
        content = canonical.dumps({"error": outcome.error} if outcome.error else outcome.result)
        told = Message(role="tool", content=content, tool_call_id=outcome.tool_call_id, name=outcome.name)
        now = LoopState(
            messages=(*state.messages, told),
            turns=state.turns,
            pending=tuple(call for call in state.pending if call.tool_call_id != outcome.tool_call_id),
            repairs=state.repairs,
            cut=state.cut,
            version=state.version,
            done=state.done,
        )
        return _told(now, state.heard) if state.heard else now

    def on_message(self, agent: AgentVersion, state: LoopState, text: str, *, speaking: bool) -> LoopState:
        del agent
        if state.done is not None:
            return state
        heard = (*state.heard, text)
        return replace(state, heard=heard) if speaking else _told(state, heard)

    def next(self, agent: AgentVersion, state: LoopState) -> Sequence[LoopAction]:
        if state.done is not None:
            return (state.done,)
        if state.pending:
            return state.pending
        if state.turns >= agent.max_turns:
            message = f"{agent.name} did not finish within {agent.max_turns} turns; raise budgets.turns"
            return (LoopFailed(code="agent.turns", message=message),)
        return (CallModel(messages=state.messages, tools=agent.tools, output_schema=agent.output_schema),)


@cache
def _version() -> str:
    return digest_of(Path(__file__).parent, ("loop.py", "output.py"))


def _wishes(agent: AgentVersion, state: LoopState, reply: ModelReply, *, cut: bool) -> LoopState:
    """Calls that can be made become pending; the others are answered with what is wrong. No tool runs from
    a reply that was cut off: arguments that look complete may lack their half."""
    turns = state.turns + 1
    said: list[ToolCall] = []
    pending: list[CallTool] = []
    faults: list[Message] = []
    for n, call in enumerate(reply.tool_calls):
        # Providers repeat ids between turns, or leave them out; ours are unique in the task.
        call_id, arguments = f"t{turns}.{n}", call.arguments or {}
        said.append(ToolCall(id=call_id, name=call.name, arguments=arguments, raw=call.raw))
        if fault := CUT_CALL if cut else _fault(agent, call):
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
        cut=state.cut if cut else 0,
        version=state.version,
    )


def _structured(schema: dict[str, Any] | None, text: str, version: int, *, cut: bool) -> tuple[str, Any]:
    """What keeps `text` from being the output, "" when nothing does, and the output."""
    if schema is None:
        return "The answer was cut off.", None
    try:
        output = parse_json(text, canonical.DEEPEST if version >= WHOLE else None)
    except ValueError as error:
        return f"The answer is not JSON ({error}). Answer with the JSON object alone.", None
    if fault := schema_fault(schema, output):
        return f"The answer does not fit its schema: {fault}. Answer again.", None
    if cut and type(output) not in (dict, list):  # without a last bracket nobody can say that it is whole
        return "The answer was cut off.", None
    return "", output


def _told_cut(agent: AgentVersion, state: LoopState, reply: ModelReply) -> LoopState:
    if reply.finish == "length":
        why = f"at the {agent.max_output_tokens} tokens that a reply may have"
        code, what = "agent.output.length", "Answer again, in fewer words."
    else:
        why = "by the provider's content filter"
        code, what = "agent.output.filtered", "Answer again, in other words."
    if state.cut >= CUT_REPAIRS:
        message = f"the replies of {agent.name} were cut off {why}, again when asked for another"
        return replace(state, cut=state.cut + 1, done=LoopFailed(code=code, message=message))
    asked = Message(role="user", content=f"Your reply was cut off {why}, so it does not count. {what}")
    return replace(state, messages=(*state.messages, asked), cut=state.cut + 1)


def _told(state: LoopState, heard: tuple[str, ...]) -> LoopState:
    """Not between a wish and its outcome: providers refuse a conversation in that order."""
    if state.pending:
        return replace(state, heard=heard)
    said = tuple(Message(role="user", content=text) for text in heard)
    return replace(state, messages=(*state.messages, *said), heard=())


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
