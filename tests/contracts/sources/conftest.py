"""Sources over every store, with a real memory and a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flowmatik.agents.outbound import outbound_client
from flowmatik.contracts.database import Database
from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import Conversations, NewSource, Source, SourceOutside, SyncReport
from flowmatik.core.cron import Timetable
from flowmatik.memory import MemoryStore, Places, StoredMemory, build_memory
from flowmatik.memory.syncing import Around, SourceKinds, StoredSources
from flowmatik.security import SignedHooks
from tests.contracts.facts.conftest import HandClock
from tests.contracts.stores import opened
from tests.integration.memory.support import WordEmbedder

W = "acme"
ME = Principal(id="usr_1", name="usr_1", workspace_id=W, scopes=frozenset({"admin"}))


class StandingHandClock(HandClock):
    """Sleeps for ever: a sync's beats are no matter here."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class Setting:
    """What a test works with."""

    def __init__(self, database: Database, memory: StoredMemory, folder: Path, clock: HandClock) -> None:
        self.database = database
        self.memory = memory
        self.folder = folder
        self.clock = clock
        self.secrets: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.conversations: Conversations | None = None
        self.sources = self.opened()

    def opened(self) -> StoredSources:
        """As another process has them; the one before is gone."""
        outside = SourceOutside(
            secret=lambda reference: self.secrets[reference],
            http=lambda private, seconds: outbound_client(private=private, seconds=seconds),
            bearer=self.token,
            conversations=self.conversations,
        )
        around = Around(
            database=self.database,
            everywhere=self.database,
            alone=True,
            copies=self.folder / "copies",
            tokens=SignedHooks(self.folder / "keys"),
            next_firing=lambda cron, zone, seconds: Timetable(cron, zone).next(seconds),
            clock=self.clock,
        )
        return StoredSources(self.memory, SourceKinds(outside), around)

    async def token(self, workspace_id: str, connection: str) -> str:
        assert workspace_id == W
        return self.tokens[connection]

    async def added(self, kind: str, name: str = "docs", **settings: object) -> Source:
        return await self.sources.add(ME, NewSource(name=name, kind=kind, settings=settings))

    async def synced(self, name: str = "docs") -> SyncReport:
        begun = await self.sources.sync(ME, name)
        await self.sources.settled()
        return await self.sources.report(ME, name, begun.id)

    async def names(self) -> set[str]:
        return {one.source for one in await self.memory.documents(W, limit=1000)}


def counted(report: SyncReport) -> dict[str, int]:
    names = ("added", "updated", "moved", "unchanged", "deleted", "failed")
    assert report.done == report.total
    return {name: getattr(report, name) for name in names if getattr(report, name)}


@pytest.fixture
async def database(dsn: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(dsn, tmp_path, role="flowmatik_engine") as found:
        yield found


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
async def at(dsn: str, database: Database, tmp_path: Path, embedder: WordEmbedder) -> AsyncIterator[Setting]:
    clock = StandingHandClock()
    (tmp_path / "keys").mkdir()
    where = MemoryStore(database=database, name="PostgreSQL") if dsn else tmp_path / "memory.db"
    places = Places(copies=tmp_path / "copies")
    memory = build_memory(where, embedder=embedder, clock=clock, places=places)
    setting = Setting(database, memory, tmp_path, clock)
    yield setting
    await setting.sources.close()
    await memory.close()


@pytest.fixture
def docs(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file into a folder `docs`."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
