"""Reserve before a call, settle after it, and refuse when the cap could be passed."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.models import ModelGateway, ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.engine.patience import retried
from flowmatik.core.history import whole
from flowmatik.core.journal.port import Cap, Journal, Kept
from flowmatik.core.salvage import salvaged
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

FRESH_SECONDS = 1.0
AGAIN_SECONDS = 0.2  # between two tries to draw on a cap while others give back
PATIENCE_SECONDS = 1.0  # far more than between an outcome and the return of what it left over
PER_EPOCH = 1_000_000  # allotment numbers
MICROS = 1_000_000
MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`refusal` says in English, and `values` for the catalogues, why the call must not be made; `wait`
    asks to come again; else `micros` is set aside for it of the run and of each of `scopes`."""

    micros: int = 0
    scopes: tuple[str, ...] = ()
    refusal: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    wait: bool = False
    granted: ev.AllotmentGranted | None = None


class Purse:
    """The caps that runs share, as this process knows them.

    A cap set by another process holds here within `FRESH_SECONDS`; none is ever passed once known.
    The cap `month` is the limit of every calendar month (UTC), each of which has a cap row of its own.
    """

    def __init__(self, models: ModelGateway, journal: Journal, clock: Clock) -> None:
        self.models = models
        self.journal = journal
        self.clock = clock
        self._known: dict[str, tuple[float, dict[str, Cap]]] = {}

    async def scopes(self, workspace_id: str, agent: str) -> list[str]:
        """The capped scopes that bear a call which this agent makes now: its own, the month's and the
        workspace's."""
        caps = await self._caps(workspace_id)
        bear = {"workspace", f"agent:{agent}"} & caps.keys()
        if MONTH in caps:
            bear.add(await self._month(workspace_id, caps))
        return sorted(bear)

    async def has_caps(self, workspace_id: str) -> bool:
        return bool(await self._caps(workspace_id))

    async def _caps(self, workspace_id: str) -> dict[str, Cap]:
        read_at, caps = self._known.get(workspace_id, (float("-inf"), {}))
        now = self.clock.monotonic()
        if now - read_at >= FRESH_SECONDS:
            rows = await retried(lambda: self.journal.caps(workspace_id), self.clock)
            caps = {cap.scope: cap for cap in rows}
            self._known[workspace_id] = (now, caps)
        return caps

    async def _month(self, workspace_id: str, caps: dict[str, Cap]) -> str:
        """This month's scope, whose cap row is made, or moved to the limit, when it is first needed."""
        scope = self.clock.now().strftime(f"{MONTH}:%Y-%m")
        limit = caps[MONTH].limit_micros
        if scope not in caps or caps[scope].limit_micros != limit:
            await retried(lambda: self.journal.set_cap(workspace_id, scope, limit), self.clock)
            self._known.pop(workspace_id, None)
        return scope


class Account:
    """What one owner of one run reserves, for as long as it has the run.

    A live run holds of every cap what its calls have cost and what is set aside for those under way,
    nothing else: what an outcome leaves over goes back as soon as the outcome is durable (`surplus`). So a
    run that a cap refuses need recall nothing; it waits a moment for returns that are on their way.
    """

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._models, self._journal, self._clock = purse.models, purse.journal, purse.clock
        self._asked = 0  # allotments by this owner
        self._until: float | None = None  # how long it waits for others to give back

    async def reserve(
        self, state: RunState, request: ModelRequest, agent: str, task_cap: int | None
    ) -> Reservation:
        """For a call of `agent`. Waits while the journal is away."""
        worst = self._models.worst_case_micros(request)
        scopes = await self._purse.scopes(state.created.workspace_id, agent)
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
        short = {
            scope: micros
            for scope in scopes
            if (micros := state.bound(scope) + worst - state.held.get(scope, 0)) > 0
        }
        granted = await self._allotted(state, short) if short else None
        if short and granted is None:
            if await self._patient(state):
                return Reservation(wait=True)
            return Reservation(
                refusal=f"{next_call}, which would pass the cap of {' or '.join(scopes)}; raise that cap",
                values={**priced, "caps": ", ".join(scopes)},
            )
        return Reservation(micros=worst, scopes=tuple(scopes), granted=granted)

    async def _allotted(self, state: RunState, short: dict[str, int]) -> ev.AllotmentGranted | None:
        """Under a number of its own, for the answer to an earlier one stands."""
        self._asked += 1
        created, n = state.created, self._last(state)
        granted = await retried(
            lambda: self._journal.allot(created.workspace_id, created.run_id, n, short), self._clock
        )
        if granted:
            self._until = None
        return ev.AllotmentGranted(n=n, amounts=short) if granted else None

    def _last(self, state: RunState) -> int:
        return state.epoch * PER_EPOCH + self._asked

    async def _patient(self, state: RunState) -> bool:
        """Whether to try again: only while there are others who may give back, and not for long."""
        created, now = state.created, self._clock.monotonic()
        if self._until is None:
            others = await retried(
                lambda: self._journal.others_hold(created.workspace_id, created.run_id), self._clock
            )
            self._until = now + PATIENCE_SECONDS if others else now
        if now < self._until:
            return True
        self._until = None
        return False

    async def counted(self, state: RunState) -> ev.AllotmentCounted | None:
        """For a new owner: what the run holds, for a park or a crash may have come in between, also
        between a grant and its append."""
        if not state.drew and (
            state.epoch == 1 or not await self._purse.has_caps(state.created.workspace_id)
        ):
            return None
        held = await retried(lambda: self._journal.held(state.created.run_id), self._clock)
        return ev.AllotmentCounted(held=held)

    async def surplus(self, state: RunState) -> ev.AllotmentCounted | None:
        """Give back what the run holds beyond its needs. Only right after an append: what `state` says must
        be durable, or a crash would undo an outcome whose money is gone."""
        needed = {scope: min(micros, state.bound(scope)) for scope, micros in state.held.items()}
        if needed == state.held:
            return None
        kept = Kept(scopes=needed, others=state.charged_to_all)
        upto = self._last(state)
        await retried(
            lambda: self._journal.settle(state.created.run_id, seq=state.seq, upto=upto, kept=kept),
            self._clock,
        )
        return ev.AllotmentCounted(held={scope: micros for scope, micros in needed.items() if micros})

    async def settle(self, state: RunState) -> None:
        """Give back what the run, now at rest, did not spend. The engine's sweep does it later for
        those that end without it."""
        if state.drew:
            with contextlib.suppress(JournalUnavailable):
                await _settle(self._journal, state.created.run_id, state.seq, state.epoch, _spent(state))


async def settle_left(journal: Journal, run_id: str, loop: AgentLoop) -> None:
    """Settle a run at rest whose last owner did not. One whose history cannot be read keeps its whole cost
    of every cap that it drew on, which is never too little."""
    head = await journal.head(None, run_id)
    if head.owner and not head.ended_at:
        return
    found = salvaged(head, await whole(journal, run_id), loop)
    kept = Kept(others=head.cost_micros) if found.fault else _spent(found.state)
    await _settle(journal, run_id, head.head_seq, head.epoch, kept)


async def _settle(journal: Journal, run_id: str, seq: int, epoch: int, kept: Kept) -> None:
    """Whatever any owner so far has asked for, also if it never heard the answer."""
    await journal.settle(run_id, seq=seq, upto=(epoch + 1) * PER_EPOCH - 1, kept=kept)


def _spent(state: RunState) -> Kept:
    scopes = {scope: state.bound(scope) for scope in state.held.keys() | state.charged.keys()}
    return Kept(scopes=scopes, others=state.charged_to_all)


def _least(*caps: int | None) -> int | None:
    known = [cap for cap in caps if cap is not None]
    return min(known) if known else None


def usd(micros: int) -> str:
    return f"${max(micros, 0) / MICROS:.6f}".rstrip("0").rstrip(".")
