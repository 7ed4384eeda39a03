"""What subscribers refused, for operators: implements `DeadLetters` over the journal and the relay."""

from collections.abc import Callable

from flowmatik.contracts.bus import DeadLetterPage, Redriven
from flowmatik.core.journal.port import Journal, RunReads, place_of
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.core.relays import Relay
from flowmatik.kernel.errors import NotFound


class RefusedEvents:
    def __init__(self, journal: Journal, relay: Relay, seen_from: Callable[[str], RunReads]) -> None:
        """`seen_from` gives the store as callers of a workspace see it."""
        self._journal = journal
        self._relay = relay
        self._seen_from = seen_from

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> DeadLetterPage:
        check_limit(limit)
        at = place_at(cursor, str, str, str, int)
        found = await self._seen_from(workspace_id).dead_letters(
            workspace_id, after=(at[0], at[1], at[2], at[3]) if at else None, limit=limit + 1
        )
        shown = tuple(found[:limit])
        return DeadLetterPage(items=shown, next=cursor_of(place_of(shown[-1])) if len(found) > limit else "")

    async def redrive(self, workspace_id: str, subscriber: str, run_id: str) -> Redriven:
        await self._seen_from(workspace_id).head(workspace_id, run_id)
        if not await self._journal.dead_letters_of(subscriber, run_id):
            raise NotFound(
                f"{subscriber!r} has no dead letter of run {run_id!r}; list the dead letters to see which "
                "there are",
                code="not_found.dead_letter",
                context={"subscriber": subscriber, "run_id": run_id},
            )
        handled = await self._relay.redrive(subscriber, run_id)
        left = await self._journal.dead_letters_of(subscriber, run_id)
        return Redriven(handled=handled or 0, left=tuple(left), asked=handled is None)
