"""Ends a run that the engine cannot go on with, so that nobody waits for it for ever."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.outcomes import failed, in_doubt
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.watch import Rested
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.port import Append, Claim, HeadChange, Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.ids import new_id


async def condemn(claim: Claim, fault: Exception, journal: Journal, loop: AgentLoop, clock: Clock) -> Rested:
    """The run as failed, with an outcome for every call that it left open: effects are in doubt,
    everything else counts as failed at the worst cost. Raises EngineError when the history cannot be
    read either."""
    state = fold(claim.events, loop)
    kind = type(fault).__name__
    why = f"the engine met a fault of its own ({kind}); its log has the details"
    facts: list[ev.Event] = [
        in_doubt(call, "engine.fault", why, kind=kind)
        if call.effect is not Effect.READ
        else failed(call, "engine.fault", why, cost_micros=call.reserved_micros, kind=kind)
        for call in state.open.values()
        if call.call_id not in state.doubt
    ]
    at = clock.now().isoformat()
    facts.append(ev.RunFailed(at=at, code="engine.fault", message=why, values={"kind": kind}))
    for fact in facts:
        apply(state, fact, loop)
    append = Append(
        run_id=claim.head.run_id,
        workspace_id=claim.head.workspace_id,
        epoch=claim.head.epoch,
        expected_seq=claim.head.head_seq,
        append_id=new_id("evt"),
        events=tuple(ev.encode(fact) for fact in facts),
        head=HeadChange(
            status=RunStatus.FAILED.value, ended_at=state.ended_at, cost_micros=state.spent_micros
        ),
        consumed=claim.head.inbox_tail,
    )
    state.seq = (await retried(lambda: journal.append(append), clock)).head_seq
    return Rested(state=state, status=RunStatus.FAILED)
