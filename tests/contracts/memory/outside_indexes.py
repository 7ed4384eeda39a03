"""A shelf whose searches ask indexes outside: each plugin in turn."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.text_indexes import TextIndex
from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory import StoredMemory
from flowmatik.memory.index_faults import away
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.memory.retrieval.outside import USUAL, Reach
from flowmatik.memory.text_index import load_text_index
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.testing.app_server import served
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.elasticsearch_server import ElasticsearchServer
from flowmatik.testing.pinecone_server import PineconeServer
from tests.contracts.memory.conftest import WS, Shelf

KEY = "a-key"
PAIRS = ("sqlite_exact+fts5", "sqlite_exact+", "+fts5", "milvus+", "pinecone+elasticsearch", "+postgres")


@dataclass(slots=True, kw_only=True)
class Failing:
    """An index that can be taken away: all its calls raise then, and are counted."""

    index: Any
    fault: FlowmatikError | None = None
    calls: int = 0

    @property
    def id(self) -> str:
        return str(self.index.id)

    def __getattr__(self, name: str) -> Any:
        work = getattr(self.index, name)

        async def called(*args: Any, **named: Any) -> Any:
            self.calls += 1
            if self.fault is not None and name != "close":
                raise self.fault
            return await work(*args, **named)

        return called if callable(work) else work

    def goes(self) -> None:
        self.fault = away(self.id, "gone")

    def comes_back(self) -> None:
        self.fault = None


@dataclass(slots=True, kw_only=True)
class Outside:
    """`own` searches the same store by itself."""

    shelf: Shelf
    memory: StoredMemory
    own: StoredMemory
    indexes: OutsideIndexes
    clock: SkippingClock
    vectors: Failing | None
    text: Failing | None
    files: list[Path] = field(default_factory=list[Path])

    @property
    def failing(self) -> list[Failing]:
        return [one for one in (self.vectors, self.text) if one is not None]

    async def take(self, labels: DocumentLabels | None = None, *paths: Path, workspace: str = WS) -> None:
        await self.shelf.take(*paths, workspace=workspace, labels=labels)

    async def follow(self) -> None:
        for workspace in (WS, "another"):  # PostgreSQL shows one at a time to this role
            await self.indexes.follow_all(self.shelf.database.within(workspace))

    def another(self, reach: Reach) -> StoredMemory:
        memory = self.shelf.another()
        memory.use_indexes(self.indexes, reach)
        return memory


@asynccontextmanager
async def outside(shelf: Shelf, pair: str, reach: Reach = USUAL) -> AsyncGenerator[Outside]:
    vectors, _, text = pair.partition("+")
    folder = shelf.folder.parent / "indexes"
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        near = Failing(index=await _vectors(vectors, folder, stack)) if vectors else None
        worded = Failing(index=await _text(text, folder, shelf, stack)) if text else None
        clock = SkippingClock()
        indexes = OutsideIndexes(
            shelf.database,
            cast("Clock", clock),
            vectors=cast("VectorIndex | None", near),
            text=cast("TextIndex | None", worded),
        )
        stack.push_async_callback(indexes.close)
        memory = shelf.another()
        memory.use_indexes(indexes, reach)
        yield Outside(
            shelf=shelf,
            memory=memory,
            own=shelf.memory,
            indexes=indexes,
            clock=clock,
            vectors=near,
            text=worded,
            files=[folder],
        )


async def _vectors(plugin: str, folder: Path, stack: AsyncExitStack) -> object:
    if plugin == "pinecone":
        server = PineconeServer(api_key=KEY, dimension=66, delay=0.01, shy=0.7)
        url = await stack.enter_async_context(served(server.app()))
        return load_vector_index(plugin, {"host": url, "api_key": KEY, "timeout_seconds": 60})
    given = {"path": str(folder / "vectors")}
    if plugin == "milvus":
        given |= {"timeout_seconds": cast("Any", 60)}
    return load_vector_index(plugin, given)


async def _text(plugin: str, folder: Path, shelf: Shelf, stack: AsyncExitStack) -> object:
    if plugin == "elasticsearch":
        server = ElasticsearchServer(key=KEY, refresh=0.01)
        url = await stack.enter_async_context(served(server.app()))
        return load_text_index(plugin, {"url": url, "api_key": KEY, "replicas": 0})
    if plugin == "postgres":
        return load_text_index(plugin, {"database": shelf.database})
    return load_text_index(plugin, {"path": str(folder / "text.db")})
