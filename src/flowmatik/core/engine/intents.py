"""Turns a decision to call into its intent: the event that is durable before the effect begins."""

from dataclasses import dataclass, replace
from datetime import timedelta

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.models import ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import StartCall
from flowmatik.core.brain.gates import TASK_CAPS
from flowmatik.core.engine.budgets import Price, Reservation, payer_for, payer_of
from flowmatik.core.engine.lease import TTL_SECONDS
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.requests import MODEL_CALL_SECONDS, model_request, request_hash
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.ids import idempotency_key

ADVICE_SECONDS = 30.0
STEP, COMPENSATE = "step", "compensate"  # purposes
UNPAID = Reservation()


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
        return await _of_tool(state, command, parts, account)
    call_id = _next_call(state)
    key = idempotency_key(state.created.run_id, call_id)
    specs = parts.effects.tools.specs()
    request = model_request(state, command.purpose, command.task_id, command.name, parts.loop, specs, key)
    request = replace(request, workspace_id=state.created.workspace_id, run_id=state.created.run_id)
    reservation = await account.reserve(state, request, payer_for(state, command.purpose, command.task_id))
    if reservation.wait:
        return Asked(event=None, before=reservation.drawn)
    if reservation.refusal:
        of_task = reservation.of_task and state.created.decision_version >= TASK_CAPS
        return Asked(event=_refusal(state, command, reservation, of_task=of_task))
    intent = _intent(state, command, parts.clock, request_hash(request), reservation)
    return Asked(event=intent, before=reservation.drawn, request=request)


async def _of_tool(state: RunState, command: StartCall, parts: DriverParts, account: Account) -> Asked:
    """Of tools with a price; the rest, and advice, costs nothing. What takes a step back is paid from what
    was set aside with the step, whatever the caps have come to."""
    price, undo = tool_price(state, command)
    if not price + undo:
        return Asked(event=_intent(state, command, parts.clock))
    undoes = command.purpose == COMPENSATE
    aside = state.aside.get(command.task_id) if undoes else None
    if aside is not None:
        money = Reservation(micros=price, scopes=aside.scopes)
        return Asked(event=_intent(state, command, parts.clock, money=money))
    payer = payer_of(state, command.task_id)
    payer = replace(payer, cap_micros=None) if undoes else payer
    priced = Price(model=command.name, micros=price + undo)
    reservation = await account.reserve_for_tool(state, priced, payer)
    if reservation.wait:
        return Asked(event=None, before=reservation.drawn)
    if reservation.refusal:
        return Asked(event=_refusal(state, command, reservation, of_task=reservation.of_task or undoes))
    money = replace(reservation, micros=price)
    intent = replace(_intent(state, command, parts.clock, money=money), undo_micros=undo)
    return Asked(event=intent, before=reservation.drawn)


def tool_price(state: RunState, command: StartCall) -> tuple[int, int]:
    """In micro-dollars: of the call, and of what takes it back."""
    tools, task = state.created.tools, state.tasks.get(command.task_id)
    if command.kind != "tool" or task is None:
        return 0, 0
    named = tools.get(command.name)
    undo = task.spec.compensation if command.purpose == STEP else None
    undoes = tools.get(undo.tool) if undo is not None else None
    return named.price_micros if named else 0, undoes.price_micros if undoes else 0


def _refusal(
    state: RunState, command: StartCall, reservation: Reservation, *, of_task: bool
) -> ev.CallRefused:
    return ev.CallRefused(
        call_id=_next_call(state),
        purpose=command.purpose,
        task_id=command.task_id,
        tool_call_id=command.tool_call_id,
        code="budget.exhausted",
        message=reservation.refusal,
        values=reservation.values,
        of_task=of_task,
    )


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
