"""What a workspace lets be remembered."""

import dataclasses
import math
from typing import Any, cast

from flowmatik.contracts.facts import FactPolicy, FactScope
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.facts.store import FactStore

MOST_DAYS = 36_500.0


async def policy_of(store: FactStore, workspace_id: str) -> FactPolicy:
    text = await store.policy(workspace_id)
    if not text:
        return FactPolicy()
    said = cast("dict[str, Any]", canonical.loads(text))
    return FactPolicy(**said)


async def keep_policy(store: FactStore, workspace_id: str, policy: FactPolicy) -> FactPolicy:
    """Raises InvalidInput (`input.fact.policy`)."""
    known = {one.value for one in FactScope}
    for scope, days in policy.half_life_days.items():
        if scope not in known or not math.isfinite(days) or not 0 < days <= MOST_DAYS:
            raise InvalidInput(
                f"half_life_days: {scope[:30]}: {days}; say for some of {', '.join(sorted(known))} a number "
                f"of days above 0 and up to {MOST_DAYS:,.0f}",
                code="input.fact.policy",
                context={"scope": scope[:30], "days": days, "known": ", ".join(sorted(known))},
            )
    whole = dataclasses.replace(policy, half_life_days=FactPolicy().half_life_days | policy.half_life_days)
    await store.set_policy(workspace_id, canonical.dumps(dataclasses.asdict(whole)))
    return whole
