"""The client of a Milvus server, and of Milvus Lite, which the client runs itself in a folder."""

import asyncio
import contextlib
import importlib
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory import index_faults

T = TypeVar("T")
ID = "milvus"
PAGE = 10_000  # rows of one answer; a server gives 16,384 at most
COPIED_AT_ONCE = 500
_GRACE = 2.0  # beyond the client's own time-out, in which it says more about what was late
_OPENING = 60.0  # loading the client's libraries takes seconds, on a busy machine many
_SERVER_THREADS = 8


class Server:
    """One client, connected at the first call. `call` runs blocking work of the client's on a thread and
    translates what it raises."""

    lite = False
    threads = _SERVER_THREADS

    def __init__(self, uri: str, token: str, database: str, seconds: float) -> None:
        self.seconds = seconds
        self._uri = uri
        self._token = token
        self._database = database
        self._client: Any = None
        self._pool = ThreadPoolExecutor(max_workers=self.threads, thread_name_prefix=ID)
        self._opening = asyncio.Lock()
        self._closed = False

    async def call(self, work: Callable[[Any], T], *, seconds: float | None = None) -> T:
        if self._closed:
            raise index_faults.away(ID, "closed")
        patience = (seconds or self.seconds) + _GRACE
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(max(patience, _OPENING)), self._opening:
                if self._client is None:
                    self._client = await loop.run_in_executor(self._pool, self._guarded, self.open)
            client = self._client
            async with asyncio.timeout(patience):
                return await loop.run_in_executor(self._pool, self._guarded, lambda: work(client))
        except TimeoutError as error:
            raise index_faults.late(ID, seconds or self.seconds) from error

    def open(self) -> Any:
        """Blocking."""
        milvus = _library()
        return milvus.MilvusClient(
            uri=self._uri, token=self._token, db_name=self._database, timeout=self.seconds
        )

    async def purge(self) -> bool:
        """A server drops deleted rows when it compacts, at a time of its own."""
        return False

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._client is not None:
            await asyncio.get_running_loop().run_in_executor(self._pool, self.shut, self._client)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def shut(self, client: Any) -> None:
        client.close()

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except FlowmatikError:
            raise
        except Exception as error:  # the client lets pass what grpc, protobuf and numpy raise
            raise self.translated(error) from error

    def translated(self, error: Exception) -> FlowmatikError:
        if isinstance(error, _library().MilvusException):
            said: Any = error
            code, text = int(said.code), str(said.message).lower()
            if "deadline" in text or "timeout" in text or "timed out" in text:
                return index_faults.late(ID, self.seconds)
            if code in _INPUT:
                return index_faults.rejected(ID, f"code {code}")
            return index_faults.away(ID, f"{type(error).__name__}, code {code}")
        if isinstance(error, (ValueError, TypeError, AssertionError)):
            return index_faults.rejected(ID, type(error).__name__)
        return index_faults.away(ID, type(error).__name__)


_INPUT = frozenset((6, 1100, 1101))  # illegal argument (of Lite), and parameters that are invalid or lacking


class LiteFolder(Server):
    """Milvus Lite in a folder, one generation of its data after the other: deleted rows stay in its files, so
    that they go by copying what is left into the next one. One process at a time; calls come one by one."""

    lite = True
    threads = 1

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__("", "", "", seconds)
        self._folder = folder

    def open(self) -> Any:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = self._generations()
        current = there[-1] if there else self._generation(1)
        client = self._opened(current)
        for old in (*there[:-1], self._building()):
            shutil.rmtree(old, ignore_errors=True)
        return client

    def shut(self, client: Any) -> None:
        super().shut(client)
        _let_go(self._generations()[-1])

    async def purge(self) -> bool:
        """Takes as long as copying all that is left."""
        await self.call(self._purged, seconds=3600.0)
        return True

    def _purged(self, client: Any) -> None:
        shutil.rmtree(self._building(), ignore_errors=True)
        fresh = self._opened(self._building())
        try:
            for name in client.list_collections():
                _copy(client, fresh, str(name))
        finally:
            fresh.close()
            _let_go(self._building())
        old = self._generations()[-1]
        self.shut(client)
        self._client = None
        number = int(old.stem.rpartition("-")[2]) + 1
        self._building().rename(self._generation(number))
        shutil.rmtree(old)

    def _opened(self, path: Path) -> Any:
        milvus = _library()
        try:
            return milvus.MilvusClient(uri=str(path), timeout=self.seconds)
        except Exception as error:
            if _is_taken(path):
                raise index_faults.taken(ID, str(self._folder)) from error
            raise

    def _generations(self) -> list[Path]:
        return sorted(self._folder.glob("vectors-*.db"))

    def _generation(self, number: int) -> Path:
        return self._folder / f"vectors-{number:06d}.db"

    def _building(self) -> Path:
        return self._folder / "building.db"


def _library() -> Any:
    """Its log would hold what is sent; what goes wrong is raised as well."""
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    import pymilvus

    return pymilvus


def _let_go(path: Path) -> None:
    """The client leaves the engine that it has started running."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(path))


def _is_taken(path: Path) -> bool:
    """Whether somebody has the data: the engine says only that it could not be started."""
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        return False
    with contextlib.suppress(FileNotFoundError), (path / "LOCK").open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _copy(old: Any, fresh: Any, name: str) -> None:
    schema = _schema_of(old, name)
    indexes = fresh.prepare_index_params()
    indexes.add_index(field_name="vector", index_type="FLAT", metric_type="IP")
    fresh.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")
    old.load_collection(name)
    keys = [row["key"] for row in old.query(name, filter='key >= ""', output_fields=["key"])]
    for first in range(0, len(keys), COPIED_AT_ONCE):
        rows = old.query(name, ids=keys[first : first + COPIED_AT_ONCE], output_fields=["*"])
        fresh.upsert(name, [dict(row) for row in rows])
    fresh.flush(name)


def _schema_of(client: Any, name: str) -> Any:
    milvus = _library()
    return milvus.CollectionSchema.construct_from_dict(client.describe_collection(name))
