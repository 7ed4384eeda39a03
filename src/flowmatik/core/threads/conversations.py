"""Threads as somebody reads them who keeps what was said in them in line: implements `Conversations`."""

from collections import defaultdict
from collections.abc import Sequence

from flowmatik.contracts.database import Database
from flowmatik.contracts.sources import Conversation
from flowmatik.contracts.threads import Role, ThreadMessage
from flowmatik.core.threads import statements as sql
from flowmatik.core.threads.rows import message_of

STATE = (
    "SELECT count(*), coalesce(max(updated_at), ''), coalesce(sum(last_no), 0),"
    " (SELECT count(*) FROM thread_messages WHERE workspace_id = $1)"
    " FROM threads WHERE workspace_id = $1"
)
PAGE = (
    "SELECT id, title, agent, updated_at, created_by, holder, last_no FROM threads"
    " WHERE workspace_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
)
# How much each of them has said, so that words that were taken out are missed.
AUTHORS = (
    "SELECT thread_id, role, author, count(*), coalesce(sum(length(text)), 0) FROM thread_messages"
    " WHERE workspace_id = $1 AND thread_id >= $2 AND thread_id <= $3 AND role <> 'note'"
    " GROUP BY thread_id, role, author ORDER BY thread_id, role, author"
)
_PRINCIPALS = ("usr_", "key_")  # who else speaks in an agent's place is an agent


class ThreadConversations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, workspace_id: str) -> str:
        (row,) = await self._database.within(workspace_id).fetch(STATE, workspace_id)
        return "/".join(map(str, row))

    async def page(self, workspace_id: str, before: str, limit: int) -> Sequence[Conversation]:
        within = self._database.within(workspace_id)
        rows = await within.fetch(PAGE, workspace_id, before, limit)
        if not rows:
            return ()
        people = defaultdict[str, list[str]](list)
        marks = defaultdict[str, list[str]](list)
        for said in await within.fetch(AUTHORS, workspace_id, str(rows[-1][0]), str(rows[0][0])):
            thread, author = str(said[0]), str(said[2])
            marks[thread].append(f"{said[1]}:{author}:{said[3]}:{said[4]}")
            if said[1] == Role.PERSON.value or author.startswith(_PRINCIPALS):
                people[thread].append(author)
        return [
            Conversation(
                id=str(row[0]),
                title=str(row[1]),
                agent=str(row[2]),
                updated_at=str(row[3]),
                people=tuple(dict.fromkeys(filter(None, (str(row[4]), str(row[5]), *people[str(row[0])])))),
                mark=f"{row[3]}/{row[6]}/{' '.join(marks[str(row[0])])}",
            )
            for row in rows
        ]

    async def said(
        self, workspace_id: str, thread_id: str, *, after: int, limit: int
    ) -> Sequence[ThreadMessage]:
        rows = await self._database.within(workspace_id).fetch(
            sql.MESSAGES, workspace_id, thread_id, after, limit
        )
        return [message_of(row) for row in rows]
