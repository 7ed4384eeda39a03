"""Conversations of this installation: each thread is a document for those who have part in it.

The cursor is how far they had come: as long as nobody has said anything, none is looked at. What was said in
one is read only when it is another than last time; what is taken out of a thread goes from its document.
"""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from flowmatik.contracts.sources import (
    Content,
    Conversation,
    Conversations,
    Entry,
    Item,
    Listed,
    SourceSetup,
)
from flowmatik.contracts.threads import Role, ThreadMessage
from flowmatik.memory.source_parts.made import gone, too_large
from flowmatik.memory.source_parts.said import message
from flowmatik.memory.source_settings import Given, lost

_PAGE = 200
_MESSAGES = 500
_NOBODY = "role:admin"  # a thread of nobody is of whoever administers this machine
SUFFIX = ".md"


def build(given: SourceSetup) -> "ThreadsReader":
    settings = Given("threads", given.settings)
    agents = settings.texts("agents")
    settings.finish()
    return ThreadsReader(given.outside.conversations, given.workspace_id, agents)


class ThreadsReader:
    """Implements `SourceReader`. With `agents`, only conversations with these."""

    content_versions = False
    in_place: Path | None = None

    def __init__(
        self, conversations: Conversations | None, workspace_id: str, agents: tuple[str, ...]
    ) -> None:
        self._conversations = conversations
        self._workspace_id = workspace_id
        self._agents = agents
        self._listed = Listed(complete=False)

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        at = self._there()
        state = await at.state(self._workspace_id)  # before it is read: what comes meanwhile is seen again
        if state == cursor:
            self._listed = Listed(complete=False, cursor=state)
            return
        before = ""
        while page := await at.page(self._workspace_id, before, _PAGE):
            for one in page:
                if not self._agents or one.agent in self._agents:
                    yield _entry(one)
            before = page[-1].id
        self._listed = Listed(complete=True, cursor=state)

    def listed(self) -> Listed:
        return self._listed

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        """At most `most` bytes are held."""
        at, thread_id = self._there(), PurePosixPath(entry.path).stem
        lines = [f"# {entry.metadata['title']}"] if entry.metadata.get("title") else []
        size = after = found = 0
        while messages := await at.said(self._workspace_id, thread_id, after=after, limit=_MESSAGES):
            for one in messages:
                found += 1
                if line := _line(one):
                    lines.append(line)
                    size += len(line.encode()) + 2
            if size > most:
                raise too_large(entry.path, size, most)
            after = messages[-1].number
        if not found:
            raise gone(entry.path)
        return Content(data="\n\n".join(lines).encode("utf-8", "replace"))

    async def close(self) -> None:
        """Nothing is open."""

    def _there(self) -> Conversations:
        if self._conversations is None:
            raise lost("threads", "there are no conversations here")
        return self._conversations


def _entry(one: Conversation) -> Entry:
    metadata = {"title": one.title, "thread": one.id, "agent": one.agent}
    return Entry(
        path=f"{one.id}{SUFFIX}",
        version=f"said:{hashlib.sha256(one.mark.encode()).hexdigest()}",
        acl=tuple(f"user:{person}" for person in one.people) or (_NOBODY,),
        metadata={key: value for key, value in metadata.items() if value},
        dated=one.updated_at,
    )


def _line(one: ThreadMessage) -> str:
    """Notes of what was done to a conversation are no part of what was said."""
    if one.role is Role.NOTE or not one.text.strip():
        return ""
    return message(one.author or one.role.value, one.at, one.text)
