"""Schedules in every store: one claim at a time, compare-and-set, workspaces apart."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from flowmatik.core.journal.port import HeadChange
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.journal.schedules_port import Fired, ScheduleRow
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.contracts.journal.stores import Store, owned


def row(name: str, *, workspace: str = "default", next_at: int | None = 100) -> ScheduleRow:
    return ScheduleRow(
        id=f"sch_{workspace}_{name}",
        workspace_id=workspace,
        name=name,
        cron="* * * * *",
        timezone="UTC",
        run='{"goal":"g"}',
        overlap="skip",
        catch_up_seconds=60,
        paused=False,
        created_by="usr_1",
        created_at="2026-01-01T00:00:00.000000Z",
        next_at=next_at,
    )


async def claimed(store: Store, claim: str, *, now: int, until: int = 0) -> list[ScheduleRow]:
    return await store.journal.claim_schedules(claim, now=now, until=until or now + 60, limit=10)


FIRED = Fired(next_at=160, queued_at=None, last_at=100, last_run_id="run_1", error="")


async def test_a_schedule_is_what_was_added_by_id_and_by_name_and_its_name_is_taken(store: Store) -> None:
    one = row("a")
    assert await store.journal.add_schedule(one)
    assert not await store.journal.add_schedule(dataclasses.replace(one, id="sch_2"))
    assert await store.journal.schedule("default", "a") == one
    assert await store.journal.schedule("default", one.id) == one


async def test_another_workspace_sees_and_changes_nothing(store: Store) -> None:
    one, theirs = row("a"), row("a", workspace="other")
    await store.journal.add_schedule(one)
    await store.journal.add_schedule(theirs)
    assert await store.journal.schedule("other", one.id) is None
    assert await store.journal.schedules("other", after="", limit=9) == [theirs]
    assert not await store.journal.change_schedule(
        dataclasses.replace(one, workspace_id="other", cron="@daily"), anew=True
    )
    assert not await store.journal.remove_schedule("other", one.id)
    assert await store.journal.schedule("default", "a") == one


async def test_pages_are_in_the_order_of_names(store: Store) -> None:
    for name in ("c", "a", "b"):
        await store.journal.add_schedule(row(name))
    first = await store.journal.schedules("default", after="", limit=2)
    second = await store.journal.schedules("default", after=first[-1].name, limit=2)
    assert [one.name for one in (*first, *second)] == ["a", "b", "c"]


async def test_a_claim_is_for_what_is_due_and_nobody_else_has_until_it_runs_out(store: Store) -> None:
    for name, at in (("due", 100), ("later", 101), ("never", None)):
        await store.journal.add_schedule(row(name, next_at=at))
    await store.journal.add_schedule(dataclasses.replace(row("paused"), paused=True))
    assert await claimed(store, "a", now=99) == []
    (mine,) = await claimed(store, "a", now=100)
    assert (mine.name, mine.seen_at, mine.claim) == ("due", 100, "a")
    assert [one.name for one in await claimed(store, "b", now=159)] == ["later"]
    again = {one.name: one.seen_at for one in await claimed(store, "c", now=160)}
    assert again == {"due": 100}  # as of the first claim


async def test_only_the_one_who_has_the_claim_settles_it_and_once(store: Store) -> None:
    one = row("a")
    await store.journal.add_schedule(one)
    assert not await store.journal.settle_schedule(one.id, "", FIRED)
    await claimed(store, "a", now=100)
    await claimed(store, "b", now=160)  # the first one stood still
    assert not await store.journal.settle_schedule(one.id, "a", FIRED)
    assert await store.journal.settle_schedule(one.id, "b", FIRED)
    assert not await store.journal.settle_schedule(one.id, "b", FIRED)
    there = await store.journal.schedule("default", "a")
    assert there == dataclasses.replace(one, next_at=160, last_at=100, last_run_id="run_1")
    assert [x.seen_at for x in await claimed(store, "c", now=161)] == [161]


async def test_a_change_is_compare_and_set_and_leaves_a_firing_under_way_alone_unless_it_begins_anew(
    store: Store,
) -> None:
    one = row("a")
    await store.journal.add_schedule(one)
    await claimed(store, "a", now=100)
    assert await store.journal.change_schedule(dataclasses.replace(one, overlap="allow"), anew=False)
    assert not await store.journal.change_schedule(dataclasses.replace(one, overlap="queue"), anew=False)
    there = await store.journal.schedule("default", "a")
    assert there is not None
    assert (there.overlap, there.version, there.claim, there.next_at) == ("allow", 2, "a", 100)
    anew = dataclasses.replace(there, cron="@daily", next_at=500)
    assert await store.journal.change_schedule(anew, anew=True)
    assert not await store.journal.settle_schedule(one.id, "a", FIRED)
    assert await store.journal.schedule("default", "a") == dataclasses.replace(
        one, overlap="allow", cron="@daily", next_at=500, version=3
    )
    assert await claimed(store, "b", now=499) == []


async def test_a_firing_that_waits_is_due_once_the_last_run_has_ended(store: Store) -> None:
    await store.journal.add_schedule(row("a"))
    run = await owned(store.journal, "run_1")
    await claimed(store, "a", now=100)
    waits = dataclasses.replace(FIRED, next_at=10_000, queued_at=100)
    await store.journal.settle_schedule("sch_default_a", "a", waits)
    assert await claimed(store, "b", now=200) == []
    await run.append(run.next(head=HeadChange(status="succeeded")))
    (due,) = await claimed(store, "b", now=201)
    assert due.queued_at == 100


async def test_a_run_out_of_turn_is_the_last_one_and_a_removed_schedule_is_gone(store: Store) -> None:
    one = row("a")
    await store.journal.add_schedule(one)
    await store.journal.note_start(one.id, at=90, run_id="run_9")
    there = await store.journal.schedule("default", "a")
    assert there == dataclasses.replace(one, last_at=90, last_run_id="run_9")
    assert await store.journal.remove_schedule("default", one.id)
    assert not await store.journal.remove_schedule("default", one.id)
    assert await claimed(store, "a", now=100) == []


@pytest.fixture
async def journals(pg_migrated: str) -> AsyncIterator[list[PostgresJournal]]:
    """Three processes on one PostgreSQL."""
    await upgrade(pg_migrated)
    pools = [await open_pool(pg_migrated, role="flowmatik_engine", max_size=2) for _ in range(3)]
    yield [PostgresJournal(PostgresDatabase(pool), SystemClock()) for pool in pools]
    for pool in pools:
        await pool.close()


async def test_schedulers_of_several_processes_never_have_a_claim_on_the_same_schedule(
    journals: list[PostgresJournal],
) -> None:
    for number in range(20):
        await journals[0].add_schedule(row(f"s{number:02}"))
    claims = await asyncio.gather(*(
        journals[turn % 3].claim_schedules(f"c{turn}", now=100, until=160, limit=3) for turn in range(12)
    ))  # fmt: skip
    got = [one.id for rows in claims for one in rows]
    assert len(got) == len(set(got)) > 0
    while rows := await journals[0].claim_schedules("rest", now=100, until=160, limit=3):
        got += [one.id for one in rows]
    assert len(got) == len(set(got)) == 20


async def test_the_role_of_the_api_reads_the_schedules_and_tags_of_its_workspace_and_writes_none(
    pg_migrated: str, journals: list[PostgresJournal]
) -> None:
    await journals[0].add_schedule(row("a"))
    await journals[0].add_schedule(row("a", workspace="other"))
    run = await owned(journals[0], "run_1")
    assert run.workspace == "default"
    engine = await open_pool(pg_migrated, role="flowmatik_engine", max_size=1)
    await engine.execute("INSERT INTO run_tags VALUES ('default', 't', 'x', 'run_1')")
    api = await open_pool(pg_migrated, role="flowmatik_api", max_size=1)
    try:
        for sql in ("SELECT workspace_id FROM schedules", "SELECT workspace_id FROM run_tags"):
            assert await PostgresDatabase(api).fetch(sql) == []
            seen = [one[0] for one in await PostgresDatabase(api).within("default").fetch(sql)]
            assert seen == ["default"]
            with pytest.raises(Exception, match="permission denied"):
                await (
                    PostgresDatabase(api)
                    .within("default")
                    .fetch(sql.replace("SELECT workspace_id", "DELETE"))
                )
    finally:
        await api.close()
        await engine.close()
