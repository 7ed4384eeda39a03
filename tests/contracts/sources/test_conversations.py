"""Threads of this installation as documents, on both stores: for whom they are, and what erasing reaches."""

from collections.abc import Sequence

import pytest

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Search
from flowmatik.contracts.sources import Conversation
from flowmatik.contracts.threads import NewThread, Role, ThreadMessage
from flowmatik.core.threads.conversations import ThreadConversations
from flowmatik.core.threads.rows import Entry, Known
from flowmatik.core.threads.store import ThreadStore, place_of
from flowmatik.kernel.errors import InvalidInput, Unavailable
from flowmatik.memory.syncing import ThreadFollowing
from tests.contracts.sources.conftest import ME, Setting, W, counted


@pytest.fixture
def threads(at: Setting, database: Database) -> ThreadStore:
    at.conversations = ThreadConversations(database)
    at.sources = at.opened()
    return ThreadStore(database, at.clock)


async def begun(threads: ThreadStore, who: str, *said: str, workspace: str = W, title: str = "") -> Known:
    made = await threads.create(workspace, NewThread(principal=who, title=title, agent="helper"))
    for number, text in enumerate(said):
        await say(threads, made, who, text, f"m{number}")
    return made


async def say(threads: ThreadStore, at: Known, who: str, text: str, key: str) -> None:
    at_once = Entry(role=Role.PERSON, text=text, key=key, author=who)
    assert await threads.say(place_of(at), at_once)


async def found(at: Setting, words: str, *who: str) -> list[str]:
    result = await at.memory.find(W, Search(query=words), on_behalf=frozenset(f"user:{one}" for one in who))
    having = [one for one in result.items if words.split()[0] in one.text.lower()]
    return sorted({one.source.removeprefix("docs/").removesuffix(".md") for one in having})


async def test_a_conversation_is_a_document_of_those_who_have_part_in_it(
    at: Setting, threads: ThreadStore
) -> None:
    one = await begun(threads, "usr_ana", "The heron wades.", title="Herons")
    await say(threads, one, "usr_luis", "The stork claps.", "x")
    nobodys = await begun(threads, "", "The bittern booms.")
    await begun(threads, "usr_eve", "A heron elsewhere.", workspace="other")
    await at.added("threads")
    assert counted(await at.synced()) == {"added": 2}
    documents = {document.source: document for document in await at.memory.documents(W)}
    assert set(documents) == {f"docs/{one.thread.id}.md", f"docs/{nobodys.thread.id}.md"}
    known = documents[f"docs/{one.thread.id}.md"]
    assert (sorted(known.acl), known.metadata["agent"]) == (["user:usr_ana", "user:usr_luis"], "helper")
    assert tuple(documents[f"docs/{nobodys.thread.id}.md"].acl) == ("role:admin",)
    for who, there in (("usr_ana", True), ("usr_luis", True), ("usr_eve", False)):
        assert (one.thread.id in await found(at, "heron wades", who)) is there


async def test_what_is_said_is_followed_and_what_is_erased_goes(
    at: Setting, threads: ThreadStore, database: Database
) -> None:
    one = await begun(threads, "usr_ana", "The heron wades.")
    other = await begun(threads, "usr_luis", "The stork claps.")
    await at.added("threads")
    await at.synced()
    following = ThreadFollowing(database, database, ThreadConversations(database), at.clock)

    async def followed() -> dict[str, int]:
        await following.sweep()
        await at.sources.sweep()
        await at.sources.settled()
        (source,) = await at.sources.list(ME)
        assert source.last is not None
        return counted(source.last) | {"syncs": len(await at.sources.syncs(ME, "docs"))}

    assert await followed() == {"added": 2, "syncs": 1}  # nothing was said: no sync
    await say(threads, one, "usr_luis", "It has flown with the secretary.", "y")
    assert await followed() == {"updated": 1, "unchanged": 1, "syncs": 2}
    assert one.thread.id in await found(at, "secretary", "usr_luis")
    sql = "DELETE FROM thread_messages WHERE workspace_id = $1 AND author = 'usr_luis' AND thread_id = $2"
    await database.within(W).transaction([(sql, (W, one.thread.id))])
    assert await followed() == {"updated": 1, "unchanged": 1, "syncs": 3}
    assert one.thread.id not in await found(at, "secretary", "usr_luis", "usr_ana")
    assert await threads.delete(W, other.thread.id)
    assert await followed() == {"deleted": 1, "unchanged": 1, "syncs": 4}
    copies = b"".join(file.read_bytes() for file in (at.folder / "copies").rglob("*") if file.is_file())
    assert b"heron" in copies
    assert b"secretary" not in copies
    assert b"stork" not in copies


class Away:
    """Conversations that cannot be read now."""

    async def state(self, workspace_id: str) -> str:
        return "another"

    async def page(self, workspace_id: str, before: str, limit: int) -> Sequence[Conversation]:
        raise Unavailable("the store is away", code="unavailable.journal")

    async def said(
        self, workspace_id: str, thread_id: str, *, after: int, limit: int
    ) -> Sequence[ThreadMessage]:
        raise Unavailable("the store is away", code="unavailable.journal")


async def test_a_sync_that_failed_is_not_begun_again_at_once(
    at: Setting, threads: ThreadStore, database: Database
) -> None:
    await begun(threads, "usr_ana", "The heron wades.")
    await at.added("threads")
    await at.synced()
    at.conversations = Away()
    at.sources = at.opened()
    following = ThreadFollowing(database, database, Away(), at.clock)
    for minutes, syncs in ((0, 2), (1, 2), (5, 3)):
        at.clock.pass_by(minutes=minutes)
        await following.sweep()
        await at.sources.sweep()
        await at.sources.settled()
        assert len(await at.sources.syncs(ME, "docs")) == syncs
    assert len(await at.names()) == 1


async def test_only_conversations_with_some_agents_and_no_unknown_setting(
    at: Setting, threads: ThreadStore
) -> None:
    await begun(threads, "usr_ana", "The heron wades.")
    await at.added("threads", agents=["nobody"])
    assert counted(await at.synced()) == {}
    with pytest.raises(InvalidInput):
        await at.added("threads", "other", path="/x")
