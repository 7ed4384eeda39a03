"""Sources of threads follow what is said by themselves.

Nobody has to remember to tell: how far the conversations have come is compared with how far the last sync had
seen them, so that a process that dies, or a thread that is deleted, misses nothing.
"""

from datetime import datetime, timedelta

from flowmatik.contracts.database import Database
from flowmatik.contracts.sources import Conversations
from flowmatik.kernel.clock import Clock
from flowmatik.memory.syncing.rows import Definition
from flowmatik.memory.syncing.store import SourceRows, of_kind

KIND = "threads"
EVERY_SECONDS = 10.0
AFTER_FAULT = timedelta(minutes=5)
_HOOK = 2  # as if somebody had knocked


class ThreadFollowing:
    """`everywhere` sees the sources of all workspaces; any number of processes may sweep."""

    def __init__(
        self, database: Database, everywhere: Database, conversations: Conversations, clock: Clock
    ) -> None:
        self._database = database
        self._everywhere = everywhere
        self._conversations = conversations
        self._clock = clock

    async def sweep(self) -> None:
        for one in await of_kind(self._everywhere, KIND):
            if not one.cursor or one.again or one.sync:  # the first sync is a person's
                continue
            rows = SourceRows(self._database, one.workspace_id)
            behind = await self._conversations.state(one.workspace_id) != one.cursor
            if behind and not await self._has_just_failed(one, rows):
                await rows.ask_again(one.id, _HOOK)

    async def _has_just_failed(self, one: Definition, rows: SourceRows) -> bool:
        last = next(iter(await rows.syncs(one.id, 1)), None)
        if last is None or last.status != "failed" or not last.ended_at:
            return False
        return self._clock.now() - datetime.fromisoformat(last.ended_at) < AFTER_FAULT
