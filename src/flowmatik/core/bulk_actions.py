"""What can be done to many runs, each time as if it were asked of that one; by one request to none twice."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from flowmatik.contracts.bulk import BulkRequest
from flowmatik.contracts.retention import Retention
from flowmatik.contracts.runs import Runs, RunStatus
from flowmatik.contracts.waits import RunSignals
from flowmatik.core import events as ev
from flowmatik.core.control import RunSteering, check_change
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.errors import Conflict, InvalidInput

OPEN = tuple(status for status in RunStatus if not status.ended)
ENDED = tuple(status for status in RunStatus if status.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkParts:
    """What single runs are treated with."""

    journal: Journal
    runs: Runs
    control: RunSteering
    signals: RunSignals
    retention: Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRun:
    """A run and what is asked of it; `key` is the request's."""

    workspace_id: str
    run_id: str
    request: BulkRequest

    @property
    def key(self) -> str:
        return f"bulk:{self.request.request_id}"


Act = Callable[[BulkParts, OneRun], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """In which states it can be done, and how; the answer is the id of a run that it made, "" for none.
    Conflict of the kinds in PASSED says that there is nothing to do. `check` raises InvalidInput for what
    the request lacks."""

    statuses: tuple[RunStatus, ...]
    act: Act
    check: Callable[[BulkRequest], None] = lambda _: None


PASSED = (
    "conflict.run_ended",
    "conflict.not_failed",
    "conflict.paused",
    "conflict.not_paused",
    "conflict.done",
)


def _check_signal(request: BulkRequest) -> None:
    if not request.signal:
        raise InvalidInput("signal needs the name of the signal", code="input.bulk_signal")


def _check_change(request: BulkRequest) -> None:
    if request.change is None:
        raise InvalidInput(
            "change needs what to change: a budget, a deadline or a priority", code="input.bulk_change"
        )
    check_change(request.change)


async def _cancel(parts: BulkParts, one: OneRun) -> str:
    request = one.request
    cancel = parts.control.cancel_hard if request.hard else parts.runs.cancel
    await cancel(one.workspace_id, one.run_id, reason=request.reason)
    return ""


async def _pause(parts: BulkParts, one: OneRun) -> str:
    request = one.request
    if not await parts.control.pause_once(
        one.workspace_id, one.run_id, by=request.by, reason=request.reason, key=one.key
    ):
        raise Conflict(
            f"run {one.run_id} is paused already, or was by this request",
            code="conflict.paused",
            context={"run_id": one.run_id},
        )
    return ""


async def _resume(parts: BulkParts, one: OneRun) -> str:
    if not await parts.control.unpause_once(one.workspace_id, one.run_id, key=one.key):
        raise Conflict(
            f"run {one.run_id} is not paused, or was resumed by this request",
            code="conflict.not_paused",
            context={"run_id": one.run_id},
        )
    return ""


async def _retry(parts: BulkParts, one: OneRun) -> str:
    made = await parts.journal.run_of_key(one.workspace_id, _retry_key(one, one.run_id))
    if made:
        return made
    if await _is_of_this_request(parts, one):
        raise Conflict(
            f"run {one.run_id} was begun by this request; it is not tried again under it",
            code="conflict.done",
            context={"run_id": one.run_id},
        )
    return await parts.control.retry(
        one.workspace_id,
        one.run_id,
        idempotency_key=_retry_key(one, one.run_id),
        principal=one.request.by,
    )


def _retry_key(one: OneRun, run_id: str) -> str:
    return f"{one.key}:{run_id}"


async def _is_of_this_request(parts: BulkParts, one: OneRun) -> bool:
    stored = await parts.journal.read(one.run_id, limit=1)
    first = ev.decode(stored[0]) if stored else None
    if not isinstance(first, ev.RunCreated) or first.forked_from is None:
        return False
    key = _retry_key(one, first.forked_from.run_id)
    return await parts.journal.run_of_key(one.workspace_id, key) == one.run_id


async def _signal(parts: BulkParts, one: OneRun) -> str:
    request = one.request
    await parts.signals.signal(
        one.workspace_id, one.run_id, request.signal, request.data, idempotency_key=one.key
    )
    return ""


async def _change(parts: BulkParts, one: OneRun) -> str:
    change = one.request.change
    if change is None:
        raise InvalidInput("there is nothing to change", code="input.change")
    wanted = replace(change, by=one.request.by, idempotency_key=one.key)
    await parts.control.change(one.workspace_id, one.run_id, wanted)
    return ""


async def _delete(parts: BulkParts, one: OneRun) -> str:
    request = one.request
    await parts.retention.delete(
        one.workspace_id, one.run_id, acknowledge_doubt=request.acknowledge_doubt, by=request.by
    )
    return ""


ACTIONS: Mapping[str, Action] = {
    "cancel": Action(statuses=OPEN, act=_cancel),
    "pause": Action(statuses=OPEN, act=_pause),
    "resume": Action(statuses=OPEN, act=_resume),
    "retry": Action(statuses=(RunStatus.FAILED, RunStatus.CANCELLED), act=_retry),
    "signal": Action(statuses=OPEN, act=_signal, check=_check_signal),
    "change": Action(statuses=OPEN, act=_change, check=_check_change),
    "delete": Action(statuses=ENDED, act=_delete),
}
