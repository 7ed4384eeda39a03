"""Guardrails where tools answer, and where models wish for their calls: what may not reach an agent, or a
tool, is fixed before it becomes a fact."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.guardrails import WITHHELD, Found, Guardrail
from flowmatik.contracts.models import ToolCall
from flowmatik.core import events as ev
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.guards.guarding import hidden, tripped
from flowmatik.core.state import RunState

TOOL = "tool"  # the purpose of an agent's calls of tools
SPOKEN = ("think", "draft")  # purposes of calls in which models wish for tools
LONG = 100_000  # characters, from which on the event loop is not kept waiting


async def guarded(outcome: ev.Event | None, call: ev.CallRequested, state: RunState) -> ev.Event | None:
    """`guarded_at_once`, without keeping others waiting for what is long."""
    if outcome is None or not _rails(call, state):
        return outcome
    if isinstance(outcome, ev.CallSucceeded) and _is_long(_looked_at(outcome)):
        return await asyncio.to_thread(guarded_at_once, outcome, call, state)
    return guarded_at_once(outcome, call, state)


def guarded_at_once(outcome: ev.Event, call: ev.CallRequested, state: RunState) -> ev.Event:
    """`outcome` of a tool that an agent called, as the agent's guardrails leave it. A result that people are
    to decide about stays whole: they may let it pass. Of what a model says, the arguments of its tool calls
    with all that is to be fixed; what else follows from what is in them is decided before the call."""
    rails = _rails(call, state)
    if not rails or not isinstance(outcome, ev.CallSucceeded | ev.CallFailed):
        return outcome
    if call.purpose in SPOKEN:
        return _wished(outcome, rails) if isinstance(outcome, ev.CallSucceeded) else outcome
    if isinstance(outcome, ev.CallFailed):
        told = hidden(rails, "tool_results", {"message": outcome.message, "values": outcome.values})
        return replace(outcome, message=told["message"], values=told["values"])
    trip = tripped(rails, "tool_results", outcome.result)
    if trip is None:
        return outcome
    result = {WITHHELD: True} if trip.action in ("refuse", "retry") else trip.fixed
    return replace(outcome, result=result, guarded=trip.findings)


def keeps_back(call: ev.CallRequested, state: RunState) -> bool:
    """Whether an answer may hold what guardrails take out of it before it becomes a fact, so that nobody else
    may keep it."""
    rails = _rails(call, state) if call.purpose in SPOKEN else ()
    return any(rail.covers("tool_arguments") and rail.on_fail == "fix" for rail in rails)


def _wished(outcome: ev.CallSucceeded, rails: Sequence[Guardrail]) -> ev.CallSucceeded:
    reply = outcome.reply
    if reply is None:
        return outcome
    calls: list[ToolCall] = []
    found: list[Found] = []
    for n, call in enumerate(reply.tool_calls):
        given = call.raw if call.arguments is None else call.arguments
        trip = tripped(rails, "tool_arguments", given)
        fixed = [row for row in trip.findings if row.on_fail == "fix"] if trip is not None else []
        if trip is None or not fixed:
            calls.append(call)
            continue
        if call.arguments is None:
            calls.append(replace(call, raw=trip.fixed))
        else:
            calls.append(replace(call, arguments=trip.fixed, raw=""))
        found += [replace(row, places=tuple(f"{n}{place}" for place in row.places)) for row in fixed]
    if not found:
        return outcome
    return replace(outcome, reply=replace(reply, tool_calls=tuple(calls)), guarded=tuple(found))


def _looked_at(outcome: ev.CallSucceeded) -> Any:
    if outcome.reply is None:
        return outcome.result
    return [call.arguments or call.raw for call in outcome.reply.tool_calls]


def _rails(call: ev.CallRequested, state: RunState) -> Sequence[Guardrail]:
    task = state.tasks.get(call.task_id)
    if call.purpose not in (TOOL, *SPOKEN) or task is None or task.agent is None:
        return ()
    return task.agent.guardrails if state.created.decision_version >= BRAIN else ()


def _is_long(value: Any) -> bool:
    left, size = [value], 0
    while left and size < LONG:
        part = left.pop()
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, dict):
            left.extend(cast("dict[Any, Any]", part).values())
        elif isinstance(part, list | tuple):
            left.extend(cast("Iterable[Any]", part))
    return size >= LONG
