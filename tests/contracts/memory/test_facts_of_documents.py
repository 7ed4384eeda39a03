"""Facts that were derived from documents, passages and runs go with them, whichever way those go."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowmatik.app.facts import fact_sources
from flowmatik.app.memory_care import DerivedFacts
from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import Correction, NewFact, Origin, Support
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import NotFound
from flowmatik.memory import StoredMemoryCare
from flowmatik.memory.facts import FactSources, FactStore, StoredFacts, Viewers
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.facts.conftest import KnownBearers
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock

LOCAL = Principal(id="usr_1", name="usr_1", workspace_id=WS, scopes=frozenset({"admin"}))


@dataclass(slots=True, kw_only=True)
class Known:
    shelf: Shelf
    everywhere: Database
    facts: StoredFacts
    viewers: Viewers
    sources: FactSources

    async def learn(self, value: str, *supports: Support, origin: Origin = Origin.AGENT) -> None:
        new = NewFact(subject="user", predicate=f"of_{value}", value=value, supports=supports)
        viewer = await self.viewers.of(WS, LOCAL.id)
        await self.facts.learn(WS, new, viewer=viewer, origin=origin)

    async def values(self) -> set[str]:
        return {one.value for one in (await self.facts.list(LOCAL)).items}

    async def document(self, source: str) -> Support:
        (found,) = [one.id for one in await self.shelf.memory.documents(WS) if one.source == source]
        return Support(kind="document", ref=found, quote=source)

    async def chunk(self, words: str) -> Support:
        passage = (await self.shelf.memory.search(WS, words, limit=1))[0]
        return Support(kind="chunk", ref=passage.id, quote=words)


@pytest.fixture
async def known(shelf: Shelf, tmp_path: Path) -> AsyncIterator[Known]:
    close: Callable[[], Awaitable[object]]
    if shelf.url:
        pool = await open_pool(shelf.url, role="flowmatik_engine", max_size=2)
        everywhere, close = PostgresDatabase(pool), pool.close
    else:
        await upgrade(tmp_path / "journal.db")
        store = SqliteStore(tmp_path / "journal.db", synchronous="NORMAL")
        everywhere, close = SqliteDatabase(store), store.close
    clock, viewers = StandingClock(), Viewers(KnownBearers())
    facts = StoredFacts(FactStore(everywhere, clock), viewers)
    sources = fact_sources(everywhere, shelf.database, facts, clock)
    yield Known(shelf=shelf, everywhere=everywhere, facts=facts, viewers=viewers, sources=sources)
    await close()


async def filled(known: Known) -> None:
    known.shelf.write("a.md", "# A\n\nThe amber house.\n\n# B\n\nThe birch house.")
    known.shelf.write("c.md", "# C\n\nThe cedar house.")
    await known.shelf.take()
    amber, birch = await known.chunk("amber"), await known.chunk("birch")
    a, c = await known.document("a.md"), await known.document("c.md")
    await known.learn("amber", amber)
    await known.learn("birch", birch)
    await known.learn("both", a, c)
    await known.learn("cedar", c, origin=Origin.DOCUMENT)
    await known.learn("stated", c, origin=Origin.PERSON)
    await known.learn("elsewhere", Support(kind="document", ref="https://acme.example/a"))
    await known.sources.sweep()


EVERY = {"amber", "birch", "both", "cedar", "stated", "elsewhere"}


async def test_nothing_goes_while_everything_is_there(known: Known) -> None:
    await filled(known)
    assert await known.values() == EVERY


async def test_a_passage_that_was_replaced_takes_its_facts_along(known: Known) -> None:
    await filled(known)
    known.shelf.write("a.md", "# A\n\nThe amber house.\n\n# B\n\nThe beech house.")
    await known.shelf.take()
    await known.sources.sweep()
    assert await known.values() == EVERY - {"birch"}


@pytest.mark.parametrize("way", ["removed", "sync", "unreadable"])
async def test_a_document_takes_along_what_rested_on_it_alone(known: Known, way: str) -> None:
    await filled(known)
    if way == "removed":
        await known.shelf.memory.remove(WS, "c.md")
    else:
        (known.shelf.folder / "c.md").unlink()
        if way == "unreadable":
            (known.shelf.folder / "c.md").write_bytes(b"\x00\x01\x02" * 2000)
        await known.shelf.take()
    await known.sources.sweep()
    assert await known.values() == EVERY - {"cedar"}
    stated = next(one for one in (await known.facts.list(LOCAL)).items if one.value == "stated")
    assert (await known.facts.get(LOCAL, stated.id)).supports == ()
    await known.shelf.memory.remove(WS, "a.md")
    await known.sources.sweep()
    assert await known.values() == {"stated", "elsewhere"}


async def test_an_erasure_says_how_many_facts_went(known: Known) -> None:
    await filled(known)
    done = await care_with(known).forget(WS, ErasureRequest(document="a.md"), by="usr_1")
    assert (done.counts["facts"], "facts" in done.stores) == (2, True)
    assert await known.values() == EVERY - {"amber", "birch"}


async def test_who_dies_before_it_is_noted_is_told_again(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(known)
    await known.shelf.memory.remove(WS, "c.md")

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FactStore, "follow", dies)
        with pytest.raises(KeyboardInterrupt):
            await known.sources.sweep()
    await known.sources.sweep()
    assert await known.values() == EVERY - {"cedar"}
    assert len(await known.facts.erasures(LOCAL)) == 1, "nothing was left to be erased the second time"


async def test_a_fact_that_comes_after_its_document_went_does_not_stay(known: Known) -> None:
    await filled(known)
    cedar = await known.document("c.md")
    await known.shelf.memory.remove(WS, "c.md")
    await known.sources.sweep()
    await known.learn("late", cedar)
    await known.sources.sweep()
    assert "late" not in await known.values()


async def test_a_memory_that_holds_nothing_at_all_takes_nothing_along(known: Known) -> None:
    await known.learn("kept", Support(kind="document", ref="doc_of_another_memory"))
    await known.sources.sweep()
    assert await known.values() == {"kept"}


async def test_what_an_agent_remembered_in_a_run_goes_with_the_run(known: Known) -> None:
    await known.learn("kept", Support(kind="run", ref="run_kept"))
    await known.learn("gone", Support(kind="run", ref="run_gone"))
    await known.sources.sweep()
    for run, workspace in (("run_gone", WS), ("run_kept", "another")):
        await deleted(known, run, workspace)
    await known.sources.sweep()
    assert await known.values() == {"kept"}


async def deleted(known: Known, run: str, workspace: str) -> None:
    """What retention leaves of a run; on PostgreSQL by its own role alone."""
    text = (
        "INSERT INTO tombstones (run_id, workspace_id, status, created_at, ended_at, deleted_at)"
        " VALUES ($1, $2, 'succeeded', '', '', '')"
    )
    if not known.shelf.url:
        await known.everywhere.transaction([(text, (run, workspace))])
        return
    connection = await connect_once(known.shelf.url)
    await connection.execute(text, run, workspace)
    await connection.close()


ANA = ErasureRequest(subject=("Eulalia Zumárraga",))


async def named_in_facts(known: Known) -> None:
    """In a subject, a value that was corrected since, a quote, and a predicate; once of another."""
    viewer = await known.viewers.of(WS, LOCAL.id)

    async def said(subject: str, predicate: str, value: str, *supports: Support) -> str:
        new = NewFact(subject=subject, predicate=predicate, value=value, supports=supports)
        return (await known.facts.learn(WS, new, viewer=viewer, origin=Origin.PERSON)).id

    await said("EULALIA  Zumarraga", "salary", "2000")
    corrected = await said("user", "boss", "Eulalia Zumárraga")
    await known.facts.correct(LOCAL, corrected, Correction(value="Amparo"))
    quoted = Support(kind="message", ref="thr_1#2", quote="Then Eulalia Zumárraga moved there.")
    await said("user", "lives_in", "Burgos", quoted)
    await said("user", "sister of Eulalia Zumárraga", "Sofía")
    await said("Eulalia Zumárragan", "salary", "somebody else's")


async def rows_of_facts(known: Known) -> str:
    rows = [
        await known.everywhere.within(WS).fetch(
            " ".join(("SELECT * FROM", table, "WHERE workspace_id = $1")), WS
        )
        for table in ("fact_lines", "facts", "fact_supports", "fact_erasures")
    ]
    return repr(rows)


def care_with(known: Known) -> StoredMemoryCare:
    return StoredMemoryCare(
        known.shelf.memory, StandingClock(), others=[DerivedFacts(known.sources, known.facts)]
    )


async def test_facts_that_name_the_subject_go_with_their_history_though_no_document_does(
    known: Known,
) -> None:
    await named_in_facts(known)
    care = care_with(known)
    plan = await care.forget(WS, ANA, by="usr_1", rehearse=True)
    assert (plan.documents, plan.counts["facts"]) == (0, 4)
    assert len(await known.values()) == 5
    done = await care.forget(WS, ANA, by="usr_1")
    assert (done.documents, done.counts["facts"]) == (0, 4)
    assert await known.values() == {"somebody else's"}
    left = await rows_of_facts(known)
    assert "Zumárragan" in left, "what is kept is looked at"
    assert "lalia zumárraga'" not in left.casefold()
    assert "sister" not in left
    assert {one.what for one in await known.facts.erasures(LOCAL)} == {"subject"}
    with pytest.raises(NotFound):
        await care.forget(WS, ANA, by="usr_1")


async def test_facts_of_another_workspace_stay(known: Known) -> None:
    await named_in_facts(known)
    with pytest.raises(NotFound):
        await care_with(known).forget("another", ANA, by="usr_1")
    assert len(await known.values()) == 5


async def test_who_ends_an_erasure_that_broke_off_knows_whom_it_was_about_and_keeps_it_no_longer(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.shelf.write("a.md", "# A\n\nEulalia Zumárraga lives here.")
    await known.shelf.take()
    await named_in_facts(known)

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StoredFacts, "forget_naming", dies)
        with pytest.raises(KeyboardInterrupt):
            await care_with(known).forget(WS, ANA, by="usr_1")
    assert (await known.shelf.sources(), len(await known.values())) == ([], 5)
    (done,) = await care_with(known).finish(WS)
    assert (done.documents, done.counts["facts"]) == (1, 4)
    assert await known.values() == {"somebody else's"}
    for table in ("memory_erasing", "memory_erasures", "memory_kept_out"):
        assert "zum" not in repr(await known.shelf.rows(table)).casefold()
    assert await care_with(known).finish(WS) == []
