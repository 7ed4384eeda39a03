"""Performs one call and turns whatever happens into exactly one fact.

Rules 7–9 of the engine: a `once` effect whose outcome nobody saw is reconciled, else in doubt; an
`idempotent` one runs again under the same key, and counts as `once` when that does not help or the far
side no longer knows the key; a `read` fails definitely.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flowmatik.contracts.advice import ADVICE, Adviser, Question
from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.models import ModelGateway, ModelRequest
from flowmatik.contracts.paid_calls import on_behalf_of
from flowmatik.contracts.tools import Effect, Reconciled, ToolBox, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.brain.cascades import instead_of
from flowmatik.core.brain.gates import BLOBS
from flowmatik.core.brain.subruns import ENGINE
from flowmatik.core.deltas.speaking import Speaking
from flowmatik.core.engine.bills import paid_to, settled
from flowmatik.core.engine.guarding import keeps_back
from flowmatik.core.engine.library import LARGE_BYTES, Library
from flowmatik.core.engine.maps import Maps
from flowmatik.core.engine.outcomes import failed, failed_by, in_doubt, in_doubt_by
from flowmatik.core.engine.pictures import with_bytes
from flowmatik.core.fold.calls import LOST
from flowmatik.core.journal.port import NewEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import (
    FlowmatikError,
    ModelRejected,
    NotFound,
    ToolOutcomeUnknown,
    Unavailable,
)

log = logging.getLogger(__name__)
AWAY_SECONDS = 60.0
DAMAGED = "engine.blob"
AWAY_PAUSE_SECONDS = 0.5
SPARED = ("step", "tool")  # purposes of calls whose results no decision looks into
AGAIN_SECONDS = (0.2, 1.0)  # before an idempotent effect whose outcome nobody saw is tried again


SAME_WHEN_READ = (str, int, float, type(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """For which run a call is made; `ours` says whether this process may still act for it, `state` what it
    is now."""

    workspace_id: str
    run_id: str
    principal: str
    ours: Callable[[], bool]
    state: Callable[[], RunState]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact, and what the journal will hold of it."""

    event: ev.Event
    encoded: NewEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    models: ModelGateway
    tools: ToolBox
    maps: Maps
    library: Library
    clock: Clock
    speaking: Speaking
    advisers: Mapping[str, Adviser] = field(default_factory=lambda: {})
    alone: bool = False  # no other process can still be at work on a run that we recover
    durable: bool = True  # what the journal has acknowledged survives a power cut

    async def model(self, call: ev.CallRequested, request: ModelRequest, place: RunPlace) -> ev.Event:
        if keeps_back(call, place.state()):
            request = replace(request, cache=False)
        try:
            request = await with_bytes(request, self.library, place.workspace_id)
            async with asyncio.timeout(call.timeout):
                reply = await self.speaking.answered(self.models, call, request, place.state())
        except FlowmatikError as error:
            unsent = isinstance(error, ModelRejected | NotFound) or error.code == DAMAGED
            free = unsent or "status" in error.context
            return failed_by(error, call, charged=not free)
        except TimeoutError:
            message = f"the model {call.name!r} did not answer within {call.timeout:g} s"
            return failed(
                call,
                "model.timeout",
                message,
                charged=True,
                seconds=call.timeout,
            )
        instead = instead_of(call, reply, place.state())
        cost = settled(call, reply)
        return ev.CallSucceeded(
            call_id=call.call_id,
            reply=reply,
            cost_micros=cost,
            paid=paid_to(call, reply, cost),
            instead_micros=self.models.price_micros(instead, reply.usage) if instead else None,
        )

    async def tool(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        """None when the run was, or may have been, lost on the way: whoever has it finds out the rest."""
        outcome = await self._attempt(call, place)
        if call.effect is Effect.IDEMPOTENT:
            for seconds in AGAIN_SECONDS:
                if not isinstance(outcome, ev.CallInDoubt) or self._forgotten(call):
                    break
                await self.clock.sleep(seconds)
                outcome = await self._attempt(call, place)
        if isinstance(outcome, ev.CallInDoubt):
            return await self._reconciled(call, place, outcome, self.void_in_process)
        return outcome

    def _forgotten(self, call: ev.CallRequested) -> bool:
        """Whether the far side may no longer know the key."""
        age = self.clock.now() - datetime.fromisoformat(call.at)
        return age.total_seconds() >= call.key_ttl

    async def _attempt(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        """In doubt when it may have taken effect all the same."""
        if not place.ours():
            return None
        if call.effect is Effect.ONCE and not self.durable:
            return _undurable(call)
        context = _context(call, place)
        read = call.effect is Effect.READ
        try:
            with on_behalf_of(place.workspace_id, place.principal):
                if call.kind == ENGINE:
                    result = await self.maps.answer(call, place.state())
                elif call.kind == ADVICE:
                    result = await self._advice(call, place)
                else:
                    result = await self._result(call, context, place.state())
            return _done(call, result)
        except FlowmatikError as error:
            if error.code == "tool.timeout" and not read:
                return _late(call)
            if isinstance(error, ToolOutcomeUnknown) and not read:
                return in_doubt_by(error, call)
            return failed_by(error, call, charged=error.code == "tool.timeout")
        except TimeoutError:
            if not read:
                return _late(call)
            message = f"the tool {call.name!r} did not answer within {call.timeout:g} s"
            return failed(call, "tool.timeout", message, charged=True, seconds=call.timeout)
        except Exception as error:  # a tool is foreign code: whatever it raises becomes a fact
            log.exception("a tool crashed", extra={"tool": call.name, "run": place.run_id})
            kind = type(error).__name__
            why = f"the tool {call.name!r} crashed with {kind}"
            if not read:
                return in_doubt(call, "tool.crashed", why, kind=kind)
            return failed(call, "tool.crashed", why, charged=True, kind=kind)

    async def _advice(self, call: ev.CallRequested, place: RunPlace) -> dict[str, Any]:
        adviser = self.advisers.get(call.name)
        if adviser is None:  # this process lacks what the run's first one had
            raise NotFound(
                f"there is no adviser {call.name!r} here", code="advice.none", context={"adviser": call.name}
            )
        question = Question(
            workspace_id=place.workspace_id,
            run_id=place.run_id,
            principal=place.principal,
            sources=place.sources,
            arguments=call.arguments,
        )
        async with asyncio.timeout(call.timeout):
            return await adviser(question)

    async def _result(self, call: ev.CallRequested, context: ToolContext, state: RunState) -> Any:
        """What the tool answers. One that reads from a store which is away is asked again for a while."""
        until = self.clock.monotonic() + AWAY_SECONDS
        while True:
            try:
                with self.speaking.advancing(call, state) as report:
                    async with asyncio.timeout(call.timeout):
                        heard = replace(context, progress=report)
                        return await self.tools.call(call.name, call.arguments, heard)
            except Unavailable as error:
                now = self.clock.monotonic()
                if call.effect is not Effect.READ or not error.retryable or now >= until:
                    raise
                await self.clock.sleep(AWAY_PAUSE_SECONDS)

    async def recovered(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        """The fact for an intent that another owner left open; None as of `tool`."""
        if call.kind == "model":
            message = "the process ended while the model was answering; asked again"
            return failed(call, LOST, message, charged=True)
        if call.effect is Effect.READ and call.reserved_micros:  # each attempt is a call, and costs
            message = f"the process ended while the tool {call.name!r} was answering; called again"
            return failed(call, LOST, message, charged=True)
        if call.effect is Effect.READ or (call.effect is Effect.IDEMPOTENT and not self._forgotten(call)):
            return await self.tool(call, place)
        await self._wait_out(call)
        doubt = in_doubt(call, "call.unseen", "the process ended before its outcome was known")
        return await self._reconciled(call, place, doubt, self._postponed)

    def late(self, call: ev.CallRequested) -> ev.CallPostponed | None:
        """What must be durable before a `once` effect begins after its time, for whoever takes the run
        over waits from that time on. Each time is twice as long as the one before."""
        if call.effect is not Effect.ONCE:
            return None
        now, until = self.clock.now(), datetime.fromisoformat(call.start_by)
        if now <= until:
            return None
        later = now + 2 * (until - datetime.fromisoformat(call.at))
        return ev.CallPostponed(call_id=call.call_id, at=now.isoformat(), start_by=later.isoformat())

    async def spared(
        self, outcome: ev.Event | None, call: ev.CallRequested, place: RunPlace
    ) -> ev.Event | None:
        """`outcome` with what is large in it put into the blob store, which is waited for as long as it is
        away. Whoever cannot wait (the process ends) hands the outcome over whole, rather than lose it."""
        if not isinstance(outcome, ev.CallSucceeded) or call.purpose not in SPARED:
            return outcome
        text = _text(outcome.result)
        if place.state().created.decision_version < BLOBS or not text:
            return outcome
        try:
            await self.library.patiently_adopt(place.run_id, place.workspace_id, (text,))
            if not _is_large(outcome.result, text):
                return outcome
            return replace(outcome, result=await self.library.kept(place.run_id, place.workspace_id, text))
        except asyncio.CancelledError:
            log.warning("a large outcome goes into the journal whole", extra={"run": place.run_id})
            return outcome

    async def _postponed(self, call: ev.CallRequested, place: RunPlace) -> ev.Event | None:
        return self.late(call) or await self.tool(call, place)

    async def void_in_process(self, call: ev.CallRequested, place: RunPlace) -> ev.Event:
        del place
        message = f"the tool {call.name!r} failed and had no effect"
        return failed(call, "tool.void", message)

    async def _reconciled(
        self,
        call: ev.CallRequested,
        place: RunPlace,
        doubt: ev.CallInDoubt,
        when_void: Callable[[ev.CallRequested, RunPlace], Awaitable[ev.Event | None]],
    ) -> ev.Event | None:
        if not place.ours():  # to reconcile may void the call
            return None
        try:
            async with asyncio.timeout(call.timeout):
                found = await self.tools.reconcile(call.name, call.arguments, _context(call, place))
        except (FlowmatikError, TimeoutError) as error:
            log.warning(
                "reconciling failed", extra={"tool": call.name, "run": place.run_id, "error": str(error)}
            )
            found = Reconciled(state="unknown")
        if found.state == "found":
            return _done(call, found.result)
        if found.state == "void":
            return await when_void(call, place)
        return doubt

    async def _wait_out(self, call: ev.CallRequested) -> None:
        """Until a stopped owner that wakes up could no longer start or finish the effect."""
        if self.alone:
            return
        at, until = (datetime.fromisoformat(moment) for moment in (call.at, call.start_by))
        left = (until - self.clock.now()).total_seconds() + call.timeout
        most = (until - at).total_seconds() + call.timeout + 10.0  # the wall clock may jump
        if (left := min(left, most)) > 0:
            await self.clock.sleep(left)


def _done(call: ev.CallRequested, result: Any) -> ev.CallSucceeded:
    return ev.CallSucceeded(call_id=call.call_id, result=result, cost_micros=call.reserved_micros)


def _text(result: Any) -> str:
    """What JSON cannot carry, or not everybody could read, is for `recordable` to say."""
    try:
        text = canonical.dumps(result)
    except TypeError:
        return ""
    return "" if canonical.is_deeper(text) else text


def _is_large(result: Any, text: str) -> bool:
    large = len(text) > LARGE_BYTES or len(text.encode()) > LARGE_BYTES
    return large and reference_in(result) is None


def place_of(created: ev.RunCreated, ours: Callable[[], bool], state: Callable[[], RunState]) -> RunPlace:
    return RunPlace(
        workspace_id=created.workspace_id,
        run_id=created.run_id,
        principal=created.principal,
        ours=ours,
        state=state,
        sources=created.sources,
    )


def _undurable(call: ev.CallRequested) -> ev.CallFailed:
    """Nobody would know any more that it was done, and it would be done again."""
    return failed(
        call,
        "tool.durability",
        f"the tool {call.name!r} acts once and for all, but store.synchronous = normal (PostgreSQL: fsync = "
        "off) lets a power cut erase that it did; set store.synchronous = full (fsync = on) to use it",
    )


def _late(call: ev.CallRequested) -> ev.CallInDoubt:
    return in_doubt(call, "tool.timeout", "it did not answer in time", seconds=call.timeout)


def _context(call: ev.CallRequested, place: RunPlace) -> ToolContext:
    state = place.state()
    task = state.tasks.get(call.task_id)
    agent = task.agent if task is not None else None
    return ToolContext(
        workspace_id=place.workspace_id,
        run_id=place.run_id,
        call_id=call.call_id,
        idempotency_key=call.idempotency_key,
        principal=place.principal,
        sources=place.sources,
        agent=agent.name if agent is not None else "",
        skill_folders=agent.skill_folders if agent is not None else (),
        labels=state.labels,
    )


def recordable(outcome: ev.Event, call: ev.CallRequested) -> Recorded:
    """`outcome` with its encoding, or what can be said of it when JSON cannot carry it (a tool returned a
    set, or text that is not Unicode) or not everybody could read it again: a fact that nobody can record
    would stop the run."""
    try:
        encoded = ev.encode(outcome)
    except TypeError as error:
        return _said(_unrecorded(outcome, call, str(error)))
    if canonical.is_deeper(encoded.payload):
        return _said(_unrecorded(outcome, call, f"it is nested in more than {canonical.DEEPEST} levels"))
    return Recorded(_as_read(outcome, encoded), encoded)


def _as_read(outcome: ev.Event, encoded: NewEvent) -> ev.Event:
    """With a result as whoever reads the history gets it (the order of its members, lists for tuples): what
    is decided now must be decided again from that."""
    if not isinstance(outcome, ev.CallSucceeded) or isinstance(outcome.result, SAME_WHEN_READ):
        return outcome
    return replace(outcome, result=canonical.loads(encoded.payload)["result"])


def _said(event: ev.Event) -> Recorded:
    return Recorded(event, ev.encode(event))


def _unrecorded(outcome: ev.Event, call: ev.CallRequested, why: str) -> ev.Event:
    message = (
        f"the answer of {call.name!r} is not JSON that can be kept: {why}; a tool returns JSON types, valid "
        "text and few levels"
    )
    if call.effect is not Effect.READ and isinstance(outcome, ev.CallSucceeded):
        return replace(outcome, result={"unrecorded": message})
    said = failed(call, "tool.result", message, said=why)
    return replace(said, cost_micros=getattr(outcome, "cost_micros", 0), paid=getattr(outcome, "paid", None))
