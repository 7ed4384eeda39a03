"""How a call ended, as facts that can be said in any language: English, a code, and values."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.bills import parts_of
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import FlowmatikError, ModelError
from flowmatik.kernel.redaction import Redactor

LONGEST_VALUE = 2000  # bytes of JSON
NOBODY: Mapping[str, int] = {}


def failed(
    call: ev.CallRequested, code: str, message: str, *, charged: bool = False, **values: object
) -> ev.CallFailed:
    """`charged`: it may have cost as much as was reserved for it."""
    return ev.CallFailed(
        call_id=call.call_id,
        code=code,
        message=message,
        cost_micros=call.reserved_micros if charged else 0,
        unpriced=charged and not call.priced,
        values=_values(call, values),
    )


def failed_by(error: FlowmatikError, call: ev.CallRequested, *, charged: bool = False) -> ev.CallFailed:
    """With the error's values; `said` are its words, to be quoted where its code has no text. `charged`: it
    may have cost as much as was reserved for it, or as the error knows it to be at most."""
    most, paid = (error.most_micros, error.paid) if isinstance(error, ModelError) else (None, NOBODY)
    cost = call.reserved_micros if most is None else min(most, call.reserved_micros)
    return ev.CallFailed(
        call_id=call.call_id,
        code=error.code,
        message=str(Redactor().value(error.message)),
        cost_micros=cost if charged else 0,
        unpriced=charged and not call.priced,
        values=_values(call, {"said": error.message, **error.context}),
        paid=parts_of(paid, cost) if charged else None,
    )


def faulty(call: ev.CallRequested, kind: str) -> ev.CallFailed | ev.CallInDoubt:
    """A defect of ours, of this kind, met it."""
    message = f"internal fault in the call of {call.name!r}: {kind}"
    if call.effect is not Effect.READ:
        return in_doubt(call, "call.fault", message, kind=kind)
    return failed(call, "call.fault", message, charged=True, kind=kind)


def never_begun(call: ev.CallRequested) -> ev.CallFailed:
    """Its run was stopped before it could."""
    return failed(call, "call.aborted", "the run was stopped")


def in_doubt(call: ev.CallRequested, code: str, why: str, **values: object) -> ev.CallInDoubt:
    return ev.CallInDoubt(call_id=call.call_id, why=why, code=code, values=_values(call, values))


def in_doubt_by(error: FlowmatikError, call: ev.CallRequested) -> ev.CallInDoubt:
    """As `failed_by`, of an effect that may have been had."""
    return ev.CallInDoubt(
        call_id=call.call_id,
        why=str(Redactor().value(error.message)),
        code=error.code,
        values=_values(call, {"said": error.message, **error.context}),
    )


def _values(call: ev.CallRequested, given: Mapping[str, object]) -> dict[str, Any]:
    """What a journal can keep of `given`: no secrets, nothing long, nothing that is not JSON. The name of
    the call is the engine's, whatever the values say."""
    hidden = cast("dict[str, Any]", Redactor().value(given))
    kept = {name: value for name, value in hidden.items() if _short(value)}
    return {**kept, call.kind: call.name}


def _short(value: object) -> bool:
    try:
        return len(canonical.dumps(value)) <= LONGEST_VALUE
    except TypeError:
        return False
