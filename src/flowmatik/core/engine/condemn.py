"""Ends a run that the engine cannot go on with, so that nobody waits for it for ever."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.handover import outcome_of
from flowmatik.core.engine.inputs import facts_of
from flowmatik.core.engine.money import last_of
from flowmatik.core.engine.outcomes import failed, in_doubt
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.watch import Rested
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import Append, Claim, HeadChange, Input, Journal
from flowmatik.core.salvage import salvaged
from flowmatik.core.snapshots.keeping import LEAST
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import EngineError, Fenced, JournalUnavailable
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)


class Cancelled(Exception):
    """A person ended the run at once: one that this program cannot decide, or without waiting for what is
    under way (`hard`, which is recorded); `reason` is theirs."""

    def __init__(self, reason: str, *, hard: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hard = hard


async def condemn(claim: Claim, fault: Exception, journal: Journal, loop: AgentLoop, clock: Clock) -> Rested:
    """The run as failed (or cancelled), with an outcome for every call that it left open: what waits in the
    inbox, else effects are in doubt, and everything else counts as failed at the worst cost. A history
    that cannot be read is no hindrance; the money that the run then holds beyond its cost goes back by
    the engine's sweep, which needs none."""
    inputs: list[Input] = []
    while True:
        inputs += await _more(claim, inputs, journal, clock)
        try:
            return await _ended(_Case(claim=claim, fault=fault, inputs=inputs), journal, loop, clock)
        except Fenced:  # or something came in meanwhile, which must be read: a child's cost is told once
            if not await _more(claim, inputs, journal, clock):
                raise


async def _more(claim: Claim, known: Sequence[Input], journal: Journal, clock: Clock) -> list[Input]:
    after = _seen(claim, known)
    return await retried(lambda: journal.inbox(claim.head.run_id, after=after), clock)


def _seen(claim: Claim, inputs: Sequence[Input]) -> int:
    return inputs[-1].input_no if inputs else claim.head.inbox_seen


def _facts(inputs: Sequence[Input], state: RunState) -> list[ev.Event]:
    """Outcomes and ends of sub-runs, of what is open and as far as they can be read; the first of each."""
    found: dict[str, ev.Event] = {}
    for item in inputs:
        with contextlib.suppress(EngineError, LookupError, ValueError):
            if item.kind == "outcome":
                outcome = outcome_of(item)
                if outcome.call_id in state.open:
                    found.setdefault(outcome.call_id, outcome)
            elif item.kind == "subrun":
                for event in facts_of(item, state):
                    found.setdefault(item.input_id, event)
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    claim: Claim
    fault: Exception
    inputs: Sequence[Input]

    @property
    def tail(self) -> int:
        return _seen(self.claim, self.inputs)


async def _ended(case: _Case, journal: Journal, loop: AgentLoop, clock: Clock) -> Rested:
    facts = _facts(case.inputs, salvaged(case.claim.head, case.claim.events, loop).state)
    try:
        return await _closed(case, facts, journal, loop, clock)
    except Fenced:
        raise
    except Exception:
        if not facts:
            raise
        log.exception("outcomes in the inbox cannot be recorded", extra={"run": case.claim.head.run_id})
        return await _closed(case, [], journal, loop, clock)


async def _closed(
    case: _Case, known: Sequence[ev.Event], journal: Journal, loop: AgentLoop, clock: Clock
) -> Rested:
    claim, fault, facts = case.claim, case.fault, list(known)
    found = salvaged(claim.head, claim.events, loop)
    state, error = found.state, _error(found.fault, fault)
    if isinstance(fault, Cancelled) and fault.hard:
        facts.append(ev.CancelRequested(reason=fault.reason, hard=True))
    for fact in facts:
        _applied(state, fact, loop)
    closing: list[ev.Event] = [
        in_doubt(call, error.code, error.message, **error.context)
        if call.effect is not Effect.READ and not state.holds_back(call)
        else failed(call, error.code, error.message, charged=True, **error.context)
        for call in state.open.values()
        if call.call_id not in state.doubt or state.holds_back(call)
    ]
    end = _end(error, fault, clock.now().isoformat())
    for fact in (*closing, end):
        _applied(state, fact, loop)
    facts += [*closing, end]
    status = RunStatus.CANCELLED if isinstance(end, ev.RunCancelled) else RunStatus.FAILED
    await _to_settle(claim, state, journal, clock)
    append = Append(
        run_id=claim.head.run_id,
        workspace_id=claim.head.workspace_id,
        epoch=claim.head.epoch,
        expected_seq=claim.head.head_seq,
        append_id=new_id("evt"),
        events=tuple(ev.encode(fact) for fact in facts),
        head=HeadChange(
            status=status.value,
            ended_at=end.at,
            cost_micros=state.spent_micros,
            unpriced=state.unpriced,
        ),
        consumed=case.tail,
        only_if_seen=case.tail,
        closed_approvals=tuple(state.withdrawn),
    )
    state.seq = (await retried(lambda: journal.append(append), clock)).head_seq
    if state.seq >= LEAST:
        with contextlib.suppress(JournalUnavailable):  # the sweep does it then
            await journal.drop_snapshot(claim.head.run_id)
    return Rested(state=state, status=status)


async def _to_settle(claim: Claim, state: RunState, journal: Journal, clock: Clock) -> None:
    """A run that rested was settled with what it had set aside, which it still gives back: the sweep looks
    at it once more."""
    if any(state.held.values()):
        workspace_id, run_id = claim.head.workspace_id, claim.head.run_id
        await retried(lambda: journal.allot(workspace_id, run_id, last_of(claim.head.epoch) - 1, {}), clock)


def _end(error: EngineError, fault: Exception, at: str) -> ev.RunFailed | ev.RunCancelled:
    if isinstance(fault, Cancelled):
        return ev.RunCancelled(at=at, reason=fault.reason)
    return ev.RunFailed(at=at, code=error.code, message=error.message, values=error.context)


def _error(unreadable: EngineError | None, fault: Exception) -> EngineError:
    """What is said of the calls that the run leaves open."""
    if isinstance(fault, Cancelled):
        return EngineError("the run was stopped", code="call.aborted")
    if unreadable is not None:
        return unreadable
    if isinstance(fault, EngineError) and fault.code in ev.BY_THE_ENGINE:
        return fault
    kind = type(fault).__name__
    return EngineError(
        f"the engine met a fault of its own ({kind}); its log has the details",
        code="engine.fault",
        context={"kind": kind},
    )


def _applied(state: RunState, fact: ev.Event, loop: AgentLoop) -> None:
    """A fold that fails here too must not keep the run alive: what counts is appended all the same."""
    with contextlib.suppress(Exception):
        apply(state, fact, loop)
