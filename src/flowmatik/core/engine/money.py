"""Reserve before a call, settle after it, and refuse when the cap could be passed."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.models import ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.engine.budgets import (
    Fit,
    Payer,
    Price,
    Reservation,
    by_own_caps,
    over_shared,
    shared_fit,
    unpriced,
)
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.purse import Purse
from flowmatik.core.engine.requests import MODEL_CALL_SECONDS
from flowmatik.core.journal.port import CapUse, Journal, Kept
from flowmatik.core.snapshots.reading import salvaged_now
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import JournalUnavailable

AGAIN_SECONDS = 0.2  # until a run that waits for money first tries again
LONGEST_AGAIN_SECONDS = 2.0
PER_EPOCH = 1_000_000  # allotment numbers
# A run that keeps money to take back what it did may be waited for by those that it waits for: it gives in.
ASIDE_SECONDS = 120.0


class Account:
    """What one owner of one run reserves, for as long as it has the run.

    A live run holds of every cap what its calls have cost and what is set aside for those under way,
    nothing else: what an outcome leaves over goes back as soon as the outcome is durable (`surplus`). So a
    run that a cap refuses need recall nothing; it waits for what calls under way may leave over.
    """

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._models, self._journal, self._clock = purse.models, purse.journal, purse.clock
        self._asked = 0  # allotments by this owner
        self._holds = False  # more than the run has spent, for all that the journal knows
        self._waits = 0  # since something was reserved or refused
        self._seen: tuple[CapUse, ...] = ()
        self._unchanged_since = 0.0

    async def reserve(self, state: RunState, request: ModelRequest, payer: Payer) -> Reservation:
        """Waits while the journal is away."""
        return self._noted(await self._reserved(state, request, payer))

    async def reserve_for_tool(self, state: RunState, price: Price, payer: Payer) -> Reservation:
        """As `reserve`, of a call whose price is known; no provider of models is paid."""
        bears = await self._purse.bears(state.created, payer.agent, "")
        return self._noted(await self._priced(state, payer, price, bears.scopes))

    def _noted(self, answer: Reservation) -> Reservation:
        self._waits = self._waits + 1 if answer.wait else 0
        if not answer.wait:
            self._seen = ()
        return answer

    def pause(self) -> float:
        """Seconds until a run that waits should try again: longer each time."""
        return min(AGAIN_SECONDS * 2 ** min(self._waits - 1, 8), LONGEST_AGAIN_SECONDS)

    async def _reserved(self, state: RunState, request: ModelRequest, payer: Payer) -> Reservation:
        worst = self._models.worst_case_micros(request)
        bears = await self._purse.bears(state.created, payer.agent, request.model)
        if worst is None:
            found = unpriced(state, payer, request.model, bears.hard)
            return found if found.refusal else replace(found, scopes=bears.scopes)
        return await self._priced(state, payer, Price(model=request.model, micros=worst), bears.scopes)

    async def _priced(
        self, state: RunState, payer: Payer, price: Price, scopes: Sequence[str]
    ) -> Reservation:
        if own := by_own_caps(state, payer, price):
            self._seen = ()
            return own
        return await self._of_shared(state, price, scopes)

    async def _of_shared(self, state: RunState, price: Price, scopes: Sequence[str]) -> Reservation:
        """Draws at once where it can; a run that waits looks first, for a look is cheaper than a draw."""
        turns, created = self._purse.turns, state.created
        reserved = Reservation(micros=price.micros, scopes=tuple(scopes))
        short = {
            scope: micros
            for scope in scopes
            if (micros := state.bound(scope) + price.micros - state.held.get(scope, 0)) > 0
        }
        if not short:
            return reserved
        free = not turns.others_first(created.workspace_id, created.run_id, short)
        granted = None
        if free and not turns.waiting(created.run_id):
            granted = await self._allotted(state, short)
        if granted is None:
            late, never = await self._in_the_way(state, short, price.micros)
            if never and (counted := await self._found(state)):
                return Reservation(wait=True, drawn=counted)
            if never:
                turns.served(created.run_id)
                for scope in never:
                    await retried(
                        partial(self._journal.note_refusal, created.workspace_id, scope), self._clock
                    )
                return over_shared(price, never)
            granted = await self._allotted(state, short) if free and not late else None
            if granted is None:
                turns.waits(created.workspace_id, created.run_id, late or short)
                return Reservation(wait=True)
        turns.served(created.run_id)
        return replace(reserved, drawn=granted)

    async def _found(self, state: RunState) -> ev.AllotmentCounted | None:
        """What the run holds, when that is not what it knows: an owner before this one that did not know
        yet that it was none may have drawn after the count."""
        held = await retried(lambda: self._journal.held(state.created.run_id), self._clock)
        known = {scope: micros for scope, micros in state.held.items() if micros}
        return ev.AllotmentCounted(held=held) if held != known else None

    async def _in_the_way(
        self, state: RunState, short: Mapping[str, int], worst: int
    ) -> tuple[list[str], list[str]]:
        """The caps that may bear the call later, and those that never will. In what others hold nothing
        changes for longer than a call may take: then whoever holds it hangs, and it counts as spent."""
        created = state.created
        uses = await retried(
            lambda: self._journal.cap_uses(created.workspace_id, created.run_id), self._clock
        )
        fits = {use.scope: shared_fit(state, use, worst) for use in uses if use.scope in short}
        late = [scope for scope, found in fits.items() if found is Fit.LATER]
        never = [scope for scope, found in fits.items() if found is Fit.NEVER]
        longest = ASIDE_SECONDS if state.aside else MODEL_CALL_SECONDS
        return ([], [*never, *late]) if late and self._unchanged(tuple(uses), longest) else (late, never)

    def _unchanged(self, uses: tuple[CapUse, ...], longest: float) -> bool:
        """Whether these caps have been as they are for longer than that, which is as long as anybody's call
        may take."""
        now = self._clock.monotonic()
        if uses != self._seen:
            self._seen, self._unchanged_since = uses, now
        return now - self._unchanged_since > longest

    async def _allotted(self, state: RunState, short: Mapping[str, int]) -> ev.AllotmentGranted | None:
        """Under a number of its own, for the answer to an earlier one stands."""
        self._asked += 1
        created, n = state.created, self._last(state)
        if not await retried(
            lambda: self._journal.allot(created.workspace_id, created.run_id, n, short), self._clock
        ):
            return None
        self._holds = True
        return ev.AllotmentGranted(n=n, amounts=dict(short))

    def _last(self, state: RunState) -> int:
        return state.epoch * PER_EPOCH + self._asked

    async def counted(self, state: RunState) -> ev.AllotmentCounted | None:
        """For a new owner: what the run holds, for a park or a crash may have come in between, also
        between a grant and its append."""
        if not state.drew and (
            state.epoch == 1 or not await self._purse.has_caps(state.created.workspace_id)
        ):
            return None
        self._holds = True
        held = await retried(lambda: self._journal.held(state.created.run_id), self._clock)
        if state.aside or state.doubted_micros:  # given back at its end, also if nothing is drawn any more
            await self._allotted(state, {})
        return ev.AllotmentCounted(held=held)

    async def surplus(self, state: RunState) -> ev.AllotmentCounted | None:
        """Give back what the run holds beyond its needs, and tell others when there is nothing more to
        come. Only right after an append: what `state` says must be durable, or a crash would undo an
        outcome whose money is gone."""
        needed = {scope: min(micros, state.bound(scope)) for scope, micros in state.held.items()}
        spent = not (state.reserved_micros or state.aside)
        if needed == state.held and not (spent and self._holds):
            return None
        kept = Kept(scopes=needed, others=state.charged_to_all, spent=spent)
        upto = self._last(state)
        await retried(
            lambda: self._journal.settle(state.created.run_id, seq=state.seq, upto=upto, kept=kept),
            self._clock,
        )
        self._holds = not spent
        if needed == state.held:
            return None
        return ev.AllotmentCounted(held={scope: micros for scope, micros in needed.items() if micros})

    async def settle(self, state: RunState) -> None:
        """Give back what the run, now at rest, did not spend, and draw what its calls cost beyond what was
        set aside for them. The engine's sweep does it later for those that end without it."""
        with contextlib.suppress(JournalUnavailable):
            if over := _beyond(state):
                await _charge(self._journal, state, over)
            if state.drew or over:
                await _settle(self._journal, state.created.run_id, state.seq, state.epoch, _spent(state))


async def settle_left(journal: Journal, run_id: str, loop: AgentLoop) -> None:
    """Settle a run at rest whose last owner did not. One whose history cannot be read keeps its whole cost
    of every cap that it drew on, which is never too little."""
    head = await journal.head(None, run_id)
    if head.owner and not head.ended_at:
        return
    found = await salvaged_now(journal, head, loop)
    if not found.fault and (over := _beyond(found.state)):
        await _charge(journal, found.state, over)
    kept = Kept(others=head.cost_micros) if found.fault else _spent(found.state)
    await _settle(journal, run_id, head.head_seq, head.epoch, kept)


def _beyond(state: RunState) -> dict[str, int]:
    """What calls cost beyond what the run holds: more than anybody could know, or their price was only known
    when they had been answered."""
    over = {scope: state.bound(scope) - state.held.get(scope, 0) for scope in state.charged}
    return {scope: micros for scope, micros in over.items() if micros > 0}


async def _charge(journal: Journal, state: RunState, over: Mapping[str, int]) -> None:
    """Under the last number of its owner, so that it is done once."""
    created = state.created
    await journal.charge(created.workspace_id, created.run_id, last_of(state.epoch), over)


async def _settle(journal: Journal, run_id: str, seq: int, epoch: int, kept: Kept) -> None:
    """Whatever any owner so far has asked for, also if it never heard the answer."""
    await journal.settle(run_id, seq=seq, upto=last_of(epoch), kept=kept)


def last_of(epoch: int) -> int:
    """The last number of an allotment that an owner may use."""
    return (epoch + 1) * PER_EPOCH - 1


def _spent(state: RunState) -> Kept:
    scopes = {scope: state.bound(scope) for scope in state.held.keys() | state.charged.keys()}
    return Kept(scopes=scopes, others=state.charged_to_all)
