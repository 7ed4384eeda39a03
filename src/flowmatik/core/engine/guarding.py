"""Guardrails where tools answer: what may not reach an agent is fixed before it becomes a fact."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.guardrails import WITHHELD, Guardrail
from flowmatik.core import events as ev
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.guards.guarding import hidden, tripped
from flowmatik.core.state import RunState

LONG = 100_000  # characters, from which on the event loop is not kept waiting


async def guarded(outcome: ev.Event | None, call: ev.CallRequested, state: RunState) -> ev.Event | None:
    """`guarded_at_once`, without keeping others waiting for what is long."""
    if outcome is None or not _rails(call, state):
        return outcome
    if isinstance(outcome, ev.CallSucceeded) and _is_long(outcome.result):
        return await asyncio.to_thread(guarded_at_once, outcome, call, state)
    return guarded_at_once(outcome, call, state)


def guarded_at_once(outcome: ev.Event, call: ev.CallRequested, state: RunState) -> ev.Event:
    """`outcome` of a tool that an agent called, as the agent's guardrails leave it. A result that people are
    to decide about stays whole: they may let it pass."""
    rails = _rails(call, state)
    if not rails or not isinstance(outcome, ev.CallSucceeded | ev.CallFailed):
        return outcome
    if isinstance(outcome, ev.CallFailed):
        told = hidden(rails, "input", {"message": outcome.message, "values": outcome.values})
        return replace(outcome, message=told["message"], values=told["values"])
    trip = tripped(rails, "input", outcome.result)
    if trip is None:
        return outcome
    result = {WITHHELD: True} if trip.action in ("refuse", "retry") else trip.fixed
    return replace(outcome, result=result, guarded=trip.findings)


def _rails(call: ev.CallRequested, state: RunState) -> Sequence[Guardrail]:
    task = state.tasks.get(call.task_id)
    if call.purpose != "tool" or task is None or task.agent is None:
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
