"""What stands around the engine when it runs again: a journal in memory, and models, tools and a clock that
answer from the recording. None of them reaches for a network, a disk or a program."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.contracts.tools import Reconciled, ToolContext, ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.cascades import instead_of
from flowmatik.core.brain.subruns import ENGINE
from flowmatik.core.engine.bills import paid_to, settled
from flowmatik.core.engine.budgets import MICROS
from flowmatik.core.engine.effects import Effects, RunPlace
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.port import NewEvent
from flowmatik.core.reruns.desk import Desk
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import EngineError, NotFound


class FollowingClock(SystemClock):
    """Says what time it was when the run did what it has done last; pauses are real."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def now(self) -> datetime:
        return self._desk.now


class ComparingJournal(InMemoryJournal):
    """Shows the desk what is written, and takes what comes from outside from nobody else."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(SystemClock())
        self._desk = desk

    def _write(self, run: Run, events: Sequence[NewEvent]) -> None:
        super()._write(run, events)
        self._desk.written(run.run_id, tuple(events))

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        """A run that stops cancels its sub-runs: they hear of it where it is recorded."""
        return kind == "cancel" or await super().post(run_id, input_id, kind, payload)

    def given(self, run_id: str, input_id: str, kind: str, payload: str) -> None:
        self._post(self._run(run_id), input_id, kind, payload)

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        await self._desk.sub_run_ends(self._run(run_id).parent, canonical.loads(payload)["sub_id"])
        return await super().report(run_id, input_id, payload, cost_micros=cost_micros)


@dataclass(frozen=True, kw_only=True)
class RecordedEffects(Effects):
    """Calls have the outcomes that they had. What follows from an answer (its cost, what a map gathers) is
    reckoned again."""

    desk: Desk

    async def model(self, call: ev.CallRequested, request: ModelRequest, place: RunPlace) -> ev.Event:
        self.desk.compare(call, request, place.run_id)
        outcome = await self.desk.outcome(call, place.run_id)
        if not isinstance(outcome, ev.CallSucceeded) or (reply := outcome.reply) is None:
            return outcome
        cost = settled(call, reply)
        instead = instead_of(call, reply, place.state())
        return ev.CallSucceeded(
            call_id=call.call_id,
            reply=reply,
            cost_micros=cost,
            paid=outcome.paid if outcome.paid is not None and not call.scopes else paid_to(call, reply, cost),
            instead_micros=outcome.instead_micros if instead else None,
            guarded=outcome.guarded,
        )

    async def tool(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        outcome = await self.desk.outcome(call, place.run_id)
        if call.kind == ENGINE:
            return await Effects.tool(self, call, place)
        if isinstance(outcome, ev.CallSucceeded):
            return ev.CallSucceeded(
                call_id=call.call_id,
                result=outcome.result,
                cost_micros=call.reserved_micros,
                guarded=outcome.guarded,
            )
        return outcome

    async def recovered(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        return await self.desk.outcome(call, place.run_id)

    def late(self, call: ev.CallRequested) -> ev.CallPostponed | None:
        """No other process could take the run over meanwhile."""
        del call


class RecordedModels:
    """Implements `ModelGateway` as far as an engine asks it before a call; calls are `RecordedEffects`'."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """What was set aside for the call; of one that was refused, what it might have cost."""
        match self._desk.priced(request.idempotency_key):
            case ev.CallRequested(priced=priced, reserved_micros=micros):
                return micros if priced else None
            case ev.CallRefused(values=values) if "price_usd" in values:
                return round(values["price_usd"] * MICROS)
            case _:
                return None

    def price_micros(self, model: str, usage: Usage) -> int | None:
        del model, usage

    def providers_of(self, model: str) -> tuple[str, ...]:
        del model
        return ()

    def default_model(self) -> str:
        return self._desk.root.created.model

    async def complete(self, request: ModelRequest) -> ModelReply:
        raise _unasked(request.model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        raise _unasked(request.model)
        yield  # an iterator


class RecordedTools:
    """Implements `ToolBox`: the tools that the runs are pinned to, which nobody calls."""

    def __init__(self, pinned: Mapping[str, ev.PinnedTool], shown: Mapping[str, Mapping[str, Any]]) -> None:
        self._specs = {
            name: ToolSpec(
                name=name,
                description=str(shown.get(name, {}).get("description", "")),
                parameters=dict(shown.get(name, {}).get("parameters", {})),
                effect=tool.effect,
            )
            for name, tool in pinned.items()
        }

    def specs(self) -> dict[str, ToolSpec]:
        return self._specs

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        raise _unasked(name)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        raise _unasked(name)


class PinnedAgents:
    """Implements `AgentDirectory`: those of the run."""

    def __init__(self, agents: Sequence[AgentVersion]) -> None:
        self._agents = agents

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        return list(self._agents)

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        for one in self._agents:
            if ref in (one.name, one.ref()):
                return one
        known = ", ".join(one.name for one in self._agents)
        raise NotFound(
            f"no agent {ref!r} in the run; known: {known}",
            code="not_found.agent",
            context={"agent": ref, "known": known},
        )


def _unasked(name: str) -> EngineError:
    return EngineError(f"{name!r} is asked in a replay; its answers are recorded", code="engine.state")
