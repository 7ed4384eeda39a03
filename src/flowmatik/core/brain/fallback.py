"""The local plan that stands in for a model's: it says so, and why."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.plans import Plan
from flowmatik.core.events import CallFailed

SAYS_SO = 3  # the decision version from which it does
# Nothing that the run could do next would fare better at the same provider.
HOPELESS = ("model.key", "model.credit", "model.unavailable", "model.timeout")


def is_hopeless(code: str) -> bool:
    return any(code == one or code.startswith(f"{one}.") for one in HOPELESS)


def instead_of_failed(local: Plan, failure: CallFailed) -> Plan:
    fault = {"code": failure.code, "values": failure.values, "text": failure.message}
    why = f"the model could not plan ({failure.message})"
    return _instead(local, why, "instead_of_failed", {"fault": fault})


def instead_of_rejected(local: Plan, faults: tuple[dict[str, Any], ...], attempts: int) -> Plan:
    """`faults` of the last plan, one at least."""
    first = faults[0]
    why = f"none of the model's {attempts} plans can run ({first['text']})"
    return _instead(local, why, "instead_of_rejected", {"fault": first, "attempts": attempts})


def _instead(local: Plan, why: str, code: str, values: dict[str, Any]) -> Plan:
    return replace(
        local,
        reason=f"warning: {why}; planned without it: {local.reason}",
        code=code,
        values={**local.values, **values},
    )
