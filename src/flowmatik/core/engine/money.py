"""Reserve before a call, settle after it, and refuse when the cap could be passed."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.models import ModelGateway, ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.engine.patience import retried
from flowmatik.core.journal.port import Cap, Journal
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

FRESH_SECONDS = 1.0
MICROS = 1_000_000
MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`refusal` says in English, and `values` for the catalogues, why the call must not be made; else
    `micros` is set aside for it."""

    micros: int = 0
    refusal: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    granted: ev.AllotmentGranted | None = None


class Purse:
    """The caps of a run (in its fold) and those that it shares (in the journal's cap rows).

    A cap set by another process holds here within `FRESH_SECONDS`; none is ever passed once known.
    The cap `month` is the limit of every calendar month (UTC), each of which has a cap row of its own.
    A run draws on the caps of its workspace, of the month and of every agent that it is pinned to.
    """

    def __init__(self, models: ModelGateway, journal: Journal, clock: Clock) -> None:
        self._models = models
        self._journal = journal
        self._clock = clock
        self._known: dict[str, tuple[float, dict[str, Cap]]] = {}

    async def reserve(self, state: RunState, request: ModelRequest, task_cap: int | None) -> Reservation:
        """Waits while the journal is away."""
        worst = self._models.worst_case_micros(request)
        scopes = await self._scopes(state)
        cap = _least(state.created.budget_micros, task_cap)
        if worst is None:
            if cap is None and not scopes:
                return Reservation()
            return Reservation(
                refusal=f"the price of {request.model!r} is not known, so a cap cannot hold it; "
                "set its price in the settings or lift the cap",
                values={"model": request.model},
            )
        committed = state.spent_micros + state.reserved_micros
        priced = {"model": request.model, "price_usd": worst / MICROS}
        next_call = f"the next call of {request.model!r} may cost {usd(worst)}"
        if cap is not None and committed + worst > cap:
            return Reservation(
                refusal=f"{next_call} and {usd(cap - committed)} of the budget of {usd(cap)} is left; "
                "give a larger budget",
                values={**priced, "left_usd": max(cap - committed, 0) / MICROS, "cap_usd": cap / MICROS},
            )
        short = committed + worst - state.allotted_micros
        if not scopes or short <= 0:
            return Reservation(micros=worst)
        if not await self._allot(state, scopes, short):
            return Reservation(
                refusal=f"{next_call}, which would pass the cap of {' or '.join(scopes)}; raise that cap",
                values={**priced, "caps": ", ".join(scopes)},
            )
        return Reservation(micros=worst, granted=ev.AllotmentGranted(n=_number(state), amount_micros=short))

    async def _allot(self, state: RunState, scopes: list[str], micros: int) -> bool:
        created, n = state.created, _number(state)
        return await retried(
            lambda: self._journal.allot(created.workspace_id, created.run_id, n, scopes, micros), self._clock
        )

    async def counted(self, state: RunState) -> ev.AllotmentCounted | None:
        """For a new owner: what the run holds, for a park or a crash may have come in between, also
        between a grant and its append."""
        if not state.allotments and (state.epoch == 1 or not await self._scopes(state)):
            return None
        held = await retried(lambda: self._journal.held(state.created.run_id), self._clock)
        return ev.AllotmentCounted(held_micros=held)

    async def settle(self, state: RunState) -> None:
        """Give back what the run, now at rest, did not spend. The engine's sweep does it later for
        those that end without it."""
        if state.allotments:
            with contextlib.suppress(JournalUnavailable):
                await self._journal.settle(state.created.run_id)

    async def _scopes(self, state: RunState) -> list[str]:
        """The capped scopes that this run draws on, in lock order."""
        created = state.created
        caps = await self._caps(created.workspace_id)
        mine = {"workspace", *(f"agent:{agent.name}" for agent in created.agents)} & caps.keys()
        if MONTH in caps:
            mine.add(await self._month(created.workspace_id, caps))
        return sorted(mine)

    async def _caps(self, workspace_id: str) -> dict[str, Cap]:
        read_at, caps = self._known.get(workspace_id, (float("-inf"), {}))
        now = self._clock.monotonic()
        if now - read_at >= FRESH_SECONDS:
            rows = await retried(lambda: self._journal.caps(workspace_id), self._clock)
            caps = {cap.scope: cap for cap in rows}
            self._known[workspace_id] = (now, caps)
        return caps

    async def _month(self, workspace_id: str, caps: dict[str, Cap]) -> str:
        """This month's scope, whose cap row is made, or moved to the limit, when it is first needed."""
        scope = self._clock.now().strftime(f"{MONTH}:%Y-%m")
        limit = caps[MONTH].limit_micros
        if scope not in caps or caps[scope].limit_micros != limit:
            await retried(lambda: self._journal.set_cap(workspace_id, scope, limit), self._clock)
            self._known.pop(workspace_id, None)
        return scope


def _number(state: RunState) -> int:
    """Unlike every other allotment of the run, even one that an earlier owner asked for and lost."""
    return state.epoch * 1_000_000 + state.allotments + 1


def _least(*caps: int | None) -> int | None:
    known = [cap for cap in caps if cap is not None]
    return min(known) if known else None


def usd(micros: int) -> str:
    return f"${max(micros, 0) / MICROS:.6f}".rstrip("0").rstrip(".")
