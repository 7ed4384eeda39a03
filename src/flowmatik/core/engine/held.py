"""Effects of a forked run: whether a call may begin, and what stands in its place. Pure."""

from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.engine.guarding import guarded_at_once
from flowmatik.core.engine.outcomes import in_doubt, never_begun
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

LONGEST_SHOWN = 500  # characters of an outcome


def held_back(state: RunState, call: ev.CallRequested) -> ev.Event | None:
    """The fact that stands in place of an effect which the fork does not allow; None when it may begin."""
    fork = state.fork
    if fork is None or not state.holds_back(call):
        return None
    if state.bars(call.purpose):
        return never_begun(call)
    recorded = recorded_of(state, call)
    if fork.effects == "simulate" and recorded is not None and recorded.status != "unknown":
        return guarded_at_once(_taken(call, recorded), call, state)
    return _asked(call, fork, recorded)


def taken_over(state: RunState, call: ev.CallRequested) -> ev.Event:
    """What a person says with "done": that it took effect, or, of a call which a fork held back, that the
    parent's outcome is this run's too."""
    recorded = recorded_of(state, call) if state.fork is not None else None
    if recorded is None or recorded.status == "unknown" or call.call_id in state.permitted:
        simulated = state.holds_back(call)
        return ev.CallSucceeded(
            call_id=call.call_id,
            result={"confirmed": True},
            cost_micros=0 if simulated else call.reserved_micros,
            simulated=simulated,
        )
    return guarded_at_once(_taken(call, recorded), call, state)


def recorded_of(state: RunState, call: ev.CallRequested) -> ev.ParentOutcome | None:
    """What the parent got after the fork of the same task, tool and arguments."""
    if state.fork is None:
        return None
    asked = canonical.dumps(call.arguments)
    return next(
        (
            one
            for one in state.fork.outcomes
            if (one.task_id, one.tool, one.arguments) == (call.task_id, call.name, asked)
        ),
        None,
    )


def shown(recorded: ev.ParentOutcome | None) -> Any:
    """For a person who decides: the result, or what it failed with."""
    if recorded is None or recorded.status == "unknown":
        return None
    if recorded.status == "failed":
        return {"failed": recorded.code, "message": recorded.message}
    return canonical.loads(recorded.result)


def _taken(call: ev.CallRequested, recorded: ev.ParentOutcome) -> ev.Event:
    if recorded.status == "failed":
        return ev.CallFailed(
            call_id=call.call_id,
            code=recorded.code,
            message=recorded.message,
            values=recorded.values,
            simulated=True,
        )
    result = canonical.loads(recorded.result)
    return ev.CallSucceeded(call_id=call.call_id, result=result, simulated=True)


def _asked(call: ev.CallRequested, fork: ev.RunForked, recorded: ev.ParentOutcome | None) -> ev.CallInDoubt:
    found = shown(recorded)
    if found is None:
        why = f"{call.name!r} would act in a fork of {fork.parent}, which has no outcome of this call"
        return in_doubt(call, "call.fork_unknown", why, parent=fork.parent)
    text = canonical.dumps(found)[:LONGEST_SHOWN]
    why = f"{call.name!r} would act in a fork of {fork.parent}, which got {text}"
    return in_doubt(call, "call.fork", why, parent=fork.parent, outcome=text)
