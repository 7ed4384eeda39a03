"""What subscribers refused, for operators: implements `DeadLetters` over the journal and the relay."""

import base64
import binascii

from flowmatik.contracts.bus import DeadLetter, DeadLetterPage, Redriven
from flowmatik.core.journal.port import Journal, LetterPlace, place_of
from flowmatik.core.outbox import OutboxRelay
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput, NotFound

MOST_LISTED = 500


class RefusedEvents:
    def __init__(self, journal: Journal, relay: OutboxRelay) -> None:
        self._journal = journal
        self._relay = relay

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> DeadLetterPage:
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidInput(
                f"limit is {limit}; it must be from 1 to {MOST_LISTED}",
                code="input.limit",
                context={"limit": limit, "most": MOST_LISTED},
            )
        found = await self._journal.dead_letters(workspace_id, after=_after(cursor), limit=limit + 1)
        shown = found[:limit]
        return DeadLetterPage(items=tuple(shown), next=_cursor(shown[-1]) if len(found) > limit else "")

    async def redrive(self, workspace_id: str, subscriber: str, run_id: str) -> Redriven:
        await self._journal.head(workspace_id, run_id)
        if not await self._journal.dead_letters_of(subscriber, run_id):
            raise NotFound(
                f"{subscriber!r} has no dead letter of run {run_id!r}; list the dead letters to see which "
                "there are",
                code="not_found.dead_letter",
                context={"subscriber": subscriber, "run_id": run_id},
            )
        handled = await self._relay.redrive(subscriber, run_id)
        left = await self._journal.dead_letters_of(subscriber, run_id)
        return Redriven(handled=handled, left=tuple(left))


def _cursor(letter: DeadLetter) -> str:
    return base64.urlsafe_b64encode(canonical.dumps(place_of(letter)).encode()).decode()


def _after(cursor: str) -> LetterPlace | None:
    if not cursor:
        return None
    try:
        at, subscriber, run_id, seq = canonical.loads(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, TypeError, ValueError) as error:
        raise _no_cursor(cursor) from error
    if not (isinstance(seq, int) and 0 <= seq < 2**63):
        raise _no_cursor(cursor)
    return str(at), str(subscriber), str(run_id), seq


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"{cursor!r} is no cursor; use `next` of the page before, unchanged", code="input.cursor"
    )
