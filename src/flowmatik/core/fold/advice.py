"""What advisers were asked, and what they said."""

from typing import Any, cast

from flowmatik.core import events as ev
from flowmatik.core.brain.advice import key_of as key_of
from flowmatik.core.state import RunState, Told


def requested(state: RunState, call: ev.CallRequested) -> None:
    state.advice[_key(call)] = Told()


def succeeded(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded) -> None:
    said: Any = event.result
    result = cast("dict[str, Any]", said) if isinstance(said, dict) else None
    error = "" if result is not None else "what was said cannot be read"
    state.advice[_key(call)] = Told(open=False, result=result, error=error)


def failed(state: RunState, call: ev.CallRequested, event: ev.CallFailed) -> None:
    state.advice[_key(call)] = Told(open=False, error_code=event.code, error=event.message)


def forget(state: RunState, task_id: str) -> None:
    """A task begins anew: what was said for it is asked again."""
    for key in [key for key in state.advice if key.split("/")[1] == task_id]:
        del state.advice[key]


def unask(state: RunState, call: ev.CallRequested) -> None:
    state.advice.pop(_key(call), None)


def _key(call: ev.CallRequested) -> str:
    return key_of(call.purpose, call.task_id, call.tool_call_id)
