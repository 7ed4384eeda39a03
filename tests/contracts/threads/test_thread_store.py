"""What every store promises of threads: order, one answer for each message, and nothing across workspaces."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.contracts.database import Database
from flowmatik.contracts.threads import NewThread, Role, ThreadState
from flowmatik.core.threads.rows import Entry, Known
from flowmatik.core.threads.store import ThreadStore, place_of
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import NotFound
from tests.contracts.stores import opened


@pytest.fixture
async def database(dsn: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(dsn, tmp_path) as found:
        yield found


@pytest.fixture
def store(database: Database) -> ThreadStore:
    return ThreadStore(database, SystemClock())


def said(text: str, key: str = "") -> Entry:
    return Entry(role=Role.PERSON, text=text, author="usr_1", key=f"said:{key or text}")


def note(code: str) -> Entry:
    return Entry(role=Role.NOTE, code=code, text="", author="usr_1", key=f"note:{code}")


async def begun(store: ThreadStore, known: Known, run_id: str = "run_1") -> Known:
    """A turn for everything that waits, with its run."""
    known = await store.get(*place_of(known))
    assert await store.begin(known, known.thread.messages)
    await store.name(*place_of(known), known.turn.number + 1, run_id)
    return await store.get(*place_of(known))


async def test_messages_of_many_at_once_get_every_number_once(store: ThreadStore) -> None:
    at = place_of(await store.create("w", NewThread()))
    done = await asyncio.gather(*(store.say(at, said(f"m{n}")) for n in range(20)))
    messages = await store.messages(*at, after=0, limit=50)
    assert all(done)
    assert [one.number for one in messages] == list(range(1, 21))
    assert {one.text for one in messages} == {f"m{n}" for n in range(20)}


async def test_a_message_that_comes_twice_at_once_is_there_once(store: ThreadStore) -> None:
    at = place_of(await store.create("w", NewThread()))
    await asyncio.gather(*(store.say(at, said("hello", "k")) for _ in range(10)))
    assert [one.number for one in await store.messages(*at, after=0, limit=50)] == [1]
    assert (await store.get(*at)).thread.messages == 1


async def test_of_many_who_begin_a_turn_one_does(store: ThreadStore) -> None:
    known = await store.create("w", NewThread())
    at = place_of(known)
    await store.say(at, said("one"))
    await store.say(at, said("two"))
    known = await store.get(*at)
    assert sum(await asyncio.gather(*(store.begin(known, 1) for _ in range(10)))) == 1
    assert [one.number for one in await store.of_turn(*at, 1)] == [1]
    assert [one.number for one in await store.waiting(*at)] == [2]


async def test_a_turn_ends_once_with_one_last_word(store: ThreadStore) -> None:
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    known = await begun(store, known)
    answer = Entry(role=Role.AGENT, text="1", key="turn:1", run_id="run_1")
    await asyncio.gather(*(store.end(known, answer) for _ in range(5)))
    assert not await store.end(known, note("run_failed"), unanswered=True)
    messages = await store.messages(*place_of(known), after=0, limit=9)
    assert [(one.number, one.role, one.run_id) for one in messages] == [
        (1, Role.PERSON, "run_1"),
        (2, Role.AGENT, "run_1"),
    ]
    ended = await store.get(*place_of(known))
    assert (ended.turn.open, ended.thread.run_id, ended.thread.messages) == (False, "", 2)


async def test_what_a_superseded_turn_had_waits_again(store: ThreadStore) -> None:
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    known = await begun(store, known)
    await store.say(place_of(known), said("two"))
    await store.taken_in(*place_of(known), "run_1", 2)
    assert await store.waiting(*place_of(known)) == []
    assert await store.end(known, note("superseded"), unanswered=True)
    assert [(one.number, one.run_id) for one in await store.waiting(*place_of(known))] == [(1, ""), (2, "")]


async def test_a_run_takes_in_messages_of_its_own_turn_alone(store: ThreadStore) -> None:
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    known = await begun(store, known)
    await store.end(known, note("run_failed"))
    await store.say(place_of(known), said("two"))
    await store.taken_in(*place_of(known), "run_1", 3)
    assert [one.number for one in await store.waiting(*place_of(known))] == [3]


async def test_of_two_who_take_a_thread_one_has_it_and_only_that_one_replies(store: ThreadStore) -> None:
    at = place_of(await store.create("w", NewThread()))
    await store.say(at, said("help"))
    entries = [Entry(role=Role.NOTE, code="taken", text="", author=by, key=f"note:{by}") for by in "ab"]
    taken = await asyncio.gather(*(store.take(at, one.author, one) for one in entries))
    holder = (await store.get(*at)).thread.holder
    assert sorted(taken) == [False, True]
    other = "b" if holder == "a" else "a"
    reply = Entry(role=Role.AGENT, text="I am here", author=holder, key="reply:1")
    assert not await store.reply(at, other, reply)
    assert await store.reply(at, holder, reply)
    assert await store.waiting(*at) == []
    assert not await store.hand_over(at, note("handed_over"))
    assert await store.give_back(at, note("given_back"))
    assert [one.code for one in await store.messages(*at, after=0, limit=9)] == [
        "",
        "taken",
        "",
        "given_back",
    ]


async def test_nothing_is_said_in_a_closed_thread_and_no_turn_begins(store: ThreadStore) -> None:
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    known = await store.get(*place_of(known))
    assert await store.close(place_of(known), note("closed"))
    assert not await store.say(place_of(known), said("two"))
    assert not await store.begin(known, 1)
    assert not await store.close(place_of(known), note("closed again"))
    assert (await store.get(*place_of(known))).thread.messages == 2


async def test_a_workspace_sees_and_changes_nothing_of_another(store: ThreadStore) -> None:
    known = await store.create("w", NewThread(title="ours"))
    await store.say(place_of(known), said("secret"))
    other = ("v", known.thread.id)
    with pytest.raises(NotFound):
        await store.get(*other)
    assert not await store.say(other, said("hello"))
    assert not await store.close(other, note("closed"))
    assert not await store.delete(*other)
    assert await store.messages(*other, after=0, limit=9) == []
    assert await store.newest("v", None, before="", limit=9) == []
    assert (await store.get(*place_of(known))).thread.messages == 1


async def test_threads_are_listed_by_state_the_newest_first(store: ThreadStore) -> None:
    made = [await store.create("w", NewThread(title=str(n), sources=("a.md",), history=3)) for n in range(3)]
    await store.close(place_of(made[1]), note("closed"))
    ids = [one.thread.id for one in made]
    assert [one.thread.id for one in await store.newest("w", None, before="", limit=9)] == ids[::-1]
    assert [one.thread.id for one in await store.newest("w", None, before=ids[2], limit=1)] == [ids[1]]
    assert [one.thread.id for one in await store.newest("w", ThreadState.CLOSED, before="", limit=9)] == [
        ids[1]
    ]
    assert (made[0].thread.sources, made[0].thread.history) == (("a.md",), 3)


async def test_the_same_key_is_the_same_thread(store: ThreadStore) -> None:
    one, two = await asyncio.gather(
        *(store.create("w", NewThread(title=title, idempotency_key="k")) for title in ("a", "b"))
    )
    assert one.thread.id == two.thread.id


async def test_a_summary_only_grows_and_a_deleted_thread_leaves_nothing(
    store: ThreadStore, database: Database
) -> None:
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    await store.summarise(*place_of(known), "newer", 9)
    await store.summarise(*place_of(known), "older", 5)
    assert (await store.get(*place_of(known))).summary == "newer"
    on = await begun(store, known)
    assert not await store.delete(*place_of(known))
    assert len(await store.messages(*place_of(known), after=0, limit=9)) == 1
    await store.end(on, note("run_failed"))
    assert await store.delete(*place_of(known))
    scoped = database.within("w")
    for count in ("SELECT count(*) FROM threads", "SELECT count(*) FROM thread_messages"):
        assert int((await scoped.fetch(count))[0][0]) == 0


async def test_what_a_run_knows_are_the_messages_before_its_own_and_answers_that_came_while_it_waited(
    store: ThreadStore,
) -> None:
    known = await store.create("default", NewThread())
    at = place_of(known)
    for text in ("1?", "2?", "3?"):
        assert await store.say(at, said(text))
    for turn, text in enumerate(("one", "two"), 1):
        assert await store.begin(await store.get(*at), turn)
        answer = Entry(role=Role.AGENT, text=text, author="clerk", key=f"turn:{turn}")
        assert await store.end(await store.get(*at), answer)

    async def known_before(number: int, **more: bool) -> list[str]:
        rows = await store.last_before(*at, before=number, after=0, limit=10, **more)
        return [row.text for row in rows]

    assert await known_before(3) == ["1?", "2?"]
    assert await known_before(3, answers=True) == ["1?", "2?", "one", "two"]


async def test_a_thread_that_stays_for_its_run_keeps_what_rests_on_it(store: ThreadStore) -> None:
    told = list[str]()

    async def gone(workspace_id: str, thread_id: str) -> None:
        told.append(thread_id)

    store.tell_when_gone(gone)
    known = await store.create("w", NewThread())
    await store.say(place_of(known), said("one"))
    on = await begun(store, known)
    assert not await store.delete(*place_of(known))
    assert told == []
    await store.end(on, note("run_failed"))
    assert await store.delete(*place_of(known))
    assert told == [known.thread.id]
