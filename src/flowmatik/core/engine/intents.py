"""Turns a decision to call into its intent: the event that is durable before the effect begins."""

from dataclasses import dataclass, replace
from datetime import timedelta

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.models import ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import StartCall
from flowmatik.core.brain.gates import TASK_CAPS
from flowmatik.core.engine.budgets import Reservation, payer_for
from flowmatik.core.engine.lease import TTL_SECONDS
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.requests import MODEL_CALL_SECONDS, model_request, request_hash
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.ids import idempotency_key

ADVICE_SECONDS = 30.0
UNPAID = Reservation()  # tools and advice cost nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`before` goes into the journal first; `request` is what a model call will send. Without an event, the
    money for the call may be there soon."""

    event: ev.CallRequested | ev.CallRefused | None
    before: ev.AllotmentGranted | ev.AllotmentCounted | None = None
    request: ModelRequest | None = None


async def intent_of(state: RunState, command: StartCall, parts: DriverParts, account: Account) -> Asked:
    """With the money that the call may cost set aside, or the refusal when a cap would be passed."""
    if command.kind != "model":
        return Asked(event=_intent(state, command, parts.clock))
    call_id = _next_call(state)
    key = idempotency_key(state.created.run_id, call_id)
    specs = parts.effects.tools.specs()
    request = model_request(state, command.purpose, command.task_id, command.name, parts.loop, specs, key)
    request = replace(request, workspace_id=state.created.workspace_id, run_id=state.created.run_id)
    reservation = await account.reserve(state, request, payer_for(state, command.purpose, command.task_id))
    if reservation.wait:
        return Asked(event=None, before=reservation.drawn)
    if reservation.refusal:
        refused = ev.CallRefused(
            call_id=call_id,
            purpose=command.purpose,
            task_id=command.task_id,
            tool_call_id=command.tool_call_id,
            code="budget.exhausted",
            message=reservation.refusal,
            values=reservation.values,
            of_task=reservation.of_task and state.created.decision_version >= TASK_CAPS,
        )
        return Asked(event=refused)
    intent = _intent(state, command, parts.clock, request_hash(request), reservation)
    return Asked(event=intent, before=reservation.drawn, request=request)


def _intent(
    state: RunState, command: StartCall, clock: Clock, digest: str = "", money: Reservation = UNPAID
) -> ev.CallRequested:
    call_id, now = _next_call(state), clock.now()
    pinned = state.created.tools.get(command.name)
    return ev.CallRequested(
        call_id=call_id,
        kind=command.kind,
        name=command.name,
        purpose=command.purpose,
        task_id=command.task_id,
        effect=command.effect,
        idempotency_key=idempotency_key(state.created.run_id, call_id),
        at=now.isoformat(),
        start_by=(now + timedelta(seconds=TTL_SECONDS)).isoformat(),
        timeout=_timeout(command, pinned),
        key_ttl=pinned.key_ttl if pinned else 0.0,
        arguments=command.arguments or {},
        tool_call_id=command.tool_call_id,
        request_hash=digest,
        reserved_micros=money.micros,
        priced=money.priced,
        scopes=money.scopes,
    )


def _timeout(command: StartCall, pinned: ev.PinnedTool | None) -> float:
    if command.kind == ADVICE:
        return ADVICE_SECONDS
    return pinned.timeout if pinned else MODEL_CALL_SECONDS


def _next_call(state: RunState) -> str:
    return f"call_{state.calls + 1}"
