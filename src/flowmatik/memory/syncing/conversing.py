"""Sources of threads follow what is said by themselves.

Nobody has to remember to tell: how far the conversations have come is compared with how far the last sync had
seen them, so that a process that dies, or a thread that is deleted, misses nothing.
"""

from flowmatik.contracts.database import Database
from flowmatik.contracts.sources import Conversations
from flowmatik.memory.syncing.store import SourceRows, of_kind

KIND = "threads"
EVERY_SECONDS = 10.0
_HOOK = 2  # as if somebody had knocked


class ThreadFollowing:
    """`everywhere` sees the sources of all workspaces; any number of processes may sweep."""

    def __init__(self, database: Database, everywhere: Database, conversations: Conversations) -> None:
        self._database = database
        self._everywhere = everywhere
        self._conversations = conversations

    async def sweep(self) -> None:
        for one in await of_kind(self._everywhere, KIND):
            begun = bool(one.cursor)  # the first sync is a person's
            if begun and not one.again and await self._conversations.state(one.workspace_id) != one.cursor:
                await SourceRows(self._database, one.workspace_id).ask_again(one.id, _HOOK)
