"""What begins syncs by itself, and what goes on after a process was killed."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import NewSource
from flowmatik.kernel.errors import NotFound
from flowmatik.memory import build_memory
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.sources.conftest import ME, Setting, StandingHandClock, counted

Write = Callable[[str, str], Path]
FILES = 60
PROGRAM = """
import asyncio, sys
from pathlib import Path
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import build_memory
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.sources.conftest import ME, Setting

async def main():
    folder = Path(sys.argv[1])
    store = SqliteStore(folder / "journal.db", synchronous="NORMAL")
    memory = build_memory(folder / "memory.db", embedder=None, clock=SystemClock())
    at = Setting(SqliteDatabase(store), memory, folder, SystemClock())
    await at.added("folder", path=str(folder / "docs"))
    begun = await at.sources.sync(ME, "docs")
    while True:
        print((await at.sources.report(ME, "docs", begun.id)).added, flush=True)
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


async def test_a_killed_sync_goes_on_with_the_document_where_it_stopped(tmp_path: Path, docs: Write) -> None:
    for number in range(FILES):
        docs(f"f{number:02}.md", f"# T{number}\n\nThe heron number {number} wades.")
    (tmp_path / "keys").mkdir()
    await upgrade(tmp_path / "journal.db")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    done = 0
    async with asyncio.timeout(120):
        while done < 5:
            done = int(await process.stdout.readline() or b"99")
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL

    store = SqliteStore(tmp_path / "journal.db", synchronous="NORMAL")
    memory = build_memory(tmp_path / "memory.db", embedder=None, clock=StandingHandClock())
    at = Setting(SqliteDatabase(store), memory, tmp_path, StandingHandClock())
    (before,) = await at.sources.syncs(ME, "docs")
    assert before.status == "running"
    assert 5 <= before.added < FILES
    await at.sources.sweep()
    await at.sources.settled()
    (after,) = await at.sources.syncs(ME, "docs")
    assert (after.id, after.status, after.total) == (before.id, "done", FILES)
    assert after.done == FILES
    assert after.unchanged <= 4  # taken by memory, and not yet on record
    assert len(await at.names()) == FILES
    await at.sources.close()
    await memory.close()
    await store.close()


async def test_a_sync_that_is_stopped_in_order_is_taken_up_again(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    for number in range(8):
        docs(f"f{number}.md", f"# T{number}\n\nThe heron number {number} wades.")
    await at.added("folder", path=str(tmp_path / "docs"))
    begun = await at.sources.sync(ME, "docs")
    assert (await at.sources.sync(ME, "docs")).id == begun.id  # the one that is going on
    await at.sources.close()
    at.sources = at.opened()
    assert (await at.sources.report(ME, "docs", begun.id)).status == "running"
    await at.sources.sweep()
    await at.sources.settled()
    after = await at.sources.report(ME, "docs", begun.id)
    assert (after.status, after.done) == ("done", 8)


async def test_the_clock_and_an_address_begin_syncs(at: Setting, docs: Write, tmp_path: Path) -> None:
    docs("a.md", "# A\n\nThe heron wades.")
    new = NewSource(
        name="docs", kind="folder", settings={"path": str(tmp_path / "docs")}, cron="@hourly", timezone="UTC"
    )
    assert (await at.sources.add(ME, new)).next_at == "2026-01-01T01:00:00+00:00"
    await swept(at)
    assert not await at.sources.syncs(ME, "docs")
    at.clock.pass_by(hours=1, minutes=1)
    await swept(at)
    (first,) = await at.sources.syncs(ME, "docs")
    assert (first.cause, counted(first)) == ("schedule", {"added": 1})
    assert (await at.sources.get(ME, "docs")).next_at == "2026-01-01T02:00:00+00:00"
    await swept(at)
    assert len(await at.sources.syncs(ME, "docs")) == 1

    path = await at.sources.hook(ME, "docs")
    token = path.rpartition("/")[2]
    await at.sources.knock(token)
    at.clock.pass_by(minutes=1)
    await swept(at)
    latest = (await at.sources.syncs(ME, "docs"))[0]
    assert (latest.cause, counted(latest)) == ("hook", {"unchanged": 1})
    assert await at.sources.hook(ME, "docs", renew=True) != path
    for worthless in (token, token[:-2] + "AA", "", "x.y"):
        with pytest.raises(NotFound):
            await at.sources.knock(worthless)


async def test_a_workspace_sees_and_syncs_no_source_of_another(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    docs("a.md", "# A\n\nThe heron wades.")
    made = await at.added("folder", path=str(tmp_path / "docs"))
    other = Principal(id="usr_2", name="usr_2", workspace_id="other", scopes=frozenset({"admin"}))
    assert not await at.sources.list(other)
    for ref in ("docs", made.id):
        for call in (
            at.sources.get,
            at.sources.sync,
            at.sources.remove,
            at.sources.failures,
            at.sources.hook,
        ):
            with pytest.raises(NotFound):
                await call(other, ref)


async def test_who_may_see_documents_is_as_the_source_has_it(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    docs("a.md", "# A\n\nThe heron wades.")
    settings = {"path": str(tmp_path / "docs")}
    await at.sources.add(ME, NewSource(name="docs", kind="folder", settings=settings, acl=("team:birds",)))
    await at.synced()
    assert await at.memory.search("acme", "heron", on_behalf=frozenset({"team:birds"}))
    assert not await at.memory.search("acme", "heron", on_behalf=frozenset({"team:cats"}))


async def swept(at: Setting) -> None:
    await at.sources.sweep()
    await at.sources.settled()
