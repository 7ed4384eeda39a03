"""Reserve before a call, settle after it, and refuse when the cap could be passed."""

from dataclasses import dataclass

from flowmatik.contracts.models import ModelGateway, ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.journal.port import Journal
from flowmatik.core.state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`refusal` says why the call must not be made; else `micros` is set aside for it."""

    micros: int = 0
    refusal: str = ""
    granted: ev.AllotmentGranted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The caps of a run (in its fold) and those that it shares (in the journal's cap rows)."""

    models: ModelGateway
    journal: Journal

    async def reserve(self, state: RunState, request: ModelRequest, task_cap: int | None) -> Reservation:
        worst = self.models.worst_case_micros(request)
        scopes = await self._scopes(state)
        cap = _least(state.created.budget_micros, task_cap)
        if worst is None:
            if cap is None and not scopes:
                return Reservation()
            return Reservation(
                refusal=f"the price of {request.model!r} is not known, so a cap cannot hold it; "
                "set its price in the settings or lift the cap"
            )
        committed = state.spent_micros + state.reserved_micros
        next_call = f"the next call of {request.model!r} may cost {usd(worst)}"
        if cap is not None and committed + worst > cap:
            return Reservation(
                refusal=f"{next_call} and {usd(cap - committed)} of the budget of {usd(cap)} is left; "
                "give a larger budget"
            )
        short = committed + worst - state.allotted_micros
        if not scopes or short <= 0:
            return Reservation(micros=worst)
        n = state.allotments + 1
        created = state.created
        if not await self.journal.allot(created.workspace_id, created.run_id, n, scopes, short):
            return Reservation(
                refusal=f"{next_call}, which would pass the cap of {' or '.join(scopes)}; raise that cap"
            )
        return Reservation(micros=worst, granted=ev.AllotmentGranted(n=n, amount_micros=short))

    async def give_back(self, state: RunState) -> None:
        """What an ended run was allotted and did not spend."""
        unused = state.allotted_micros - state.spent_micros - state.reserved_micros
        if unused > 0:
            await self.journal.return_allotment(state.created.run_id, unused)

    async def _scopes(self, state: RunState) -> list[str]:
        """The capped scopes that this run draws on, in lock order."""
        created = state.created
        month = created.created_at[:7]
        agents = {f"agent:{agent.name}" for agent in created.agents}
        mine = {"workspace", f"month:{month}", *agents}
        return sorted(cap.scope for cap in await self.journal.caps(created.workspace_id) if cap.scope in mine)


def _least(*caps: int | None) -> int | None:
    known = [cap for cap in caps if cap is not None]
    return min(known) if known else None


def usd(micros: int) -> str:
    return f"${max(micros, 0) / 1_000_000:.6f}".rstrip("0").rstrip(".")
