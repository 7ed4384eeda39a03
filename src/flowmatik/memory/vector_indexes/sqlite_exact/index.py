"""`SqliteExactIndex`: every vector is compared, those of a workspace from memory."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.vector_indexes import Held, Scored, Vector, VectorRow
from flowmatik.kernel.sqlite import SQLITE_VERSION, Connection
from flowmatik.memory.index_faults import unprepared
from flowmatik.memory.vector_indexes.sqlite_exact.file import VectorFile
from flowmatik.memory.vector_indexes.sqlite_exact.matrix import Matrix, Places, Scores, packed, posted
from flowmatik.memory.vector_indexes.terms import asked, check_length, key, keys, moment, seen_by, under, unit

ID = "sqlite_exact"
_CACHED_WORKSPACES = 16
_SPARE = 200  # chosen by bytes and compared by floats, beyond twice as many as are asked for
_FLOATS = (
    "SELECT number, vector FROM vector_rows WHERE workspace_id = ?"
    " AND number IN (SELECT value FROM json_each(?))"
)
_ROW = (
    "INSERT INTO vector_rows (workspace_id, key, chunk, document, terms, moment, scale, vector)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

_DELETE = {
    "key": "DELETE FROM vector_rows WHERE workspace_id = ? AND key = ?",
    "document": "DELETE FROM vector_rows WHERE workspace_id = ? AND document = ?",
}


class SqliteExactIndex:
    """Implements `VectorIndex`. A workspace's vectors are held in memory while it is searched (four bytes a
    number, or one), and after a change only new ones are read. Other processes may search the same file, and
    write, one at a time."""

    id = ID
    exact = True

    def __init__(self, path: Path, *, as_bytes: bool = False) -> None:
        self._file = VectorFile(ID, path)
        self._as_bytes = as_bytes
        self._matrices: OrderedDict[str, tuple[int, Matrix]] = OrderedDict()  # with the file's generation
        self._model = "int8+float32" if as_bytes else "float32"  # how `packed` writes

    @property
    def path(self) -> Path:
        return self._file.path

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        wanted = (f"{self._model}:{embedder_id}", dimension)

        def work(connection: Connection) -> None:
            found = _space(connection, workspace_id)
            if found is not None and found[:2] == wanted:
                return
            connection.execute("DELETE FROM vector_rows WHERE workspace_id = ?", (workspace_id,))
            connection.execute(
                "INSERT INTO vector_spaces (workspace_id, embedder, dimension, position, revision)"
                " VALUES (?, ?, ?, 0, 1) ON CONFLICT (workspace_id) DO UPDATE SET"
                " embedder = excluded.embedder, dimension = excluded.dimension, position = 0,"
                " revision = vector_spaces.revision + 1",
                (workspace_id, *wanted),
            )

        await self._file.write(work)

    async def held(self, workspace_id: str) -> Held:
        found = await self._file.read(lambda connection: _space(connection, workspace_id))
        if found is None:
            return Held()
        model, _, embedder = found[0].partition(":")
        if model != self._model:  # another setting made it: to be prepared anew
            return Held()
        return Held(embedder=embedder, dimension=found[1], position=found[2])

    async def advance(self, workspace_id: str, position: int) -> None:
        await self._file.write(
            lambda connection: connection.execute(
                "UPDATE vector_spaces SET position = ? WHERE workspace_id = ?", (position, workspace_id)
            )
        )

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        latest = {key(row.chunk): row for row in rows}

        def work(connection: Connection) -> None:
            dimension = self._dimension(connection, workspace_id)
            values: list[tuple[object, ...]] = []
            for name, row in latest.items():
                check_length(row.vector, dimension, ID)
                vector, scale = packed(row.vector, as_bytes=self._as_bytes)
                document, dated = key(row.document), moment(row.dated)
                values.append((
                    *(workspace_id, name, row.chunk, document, _terms(row), dated, scale, vector),
                ))  # fmt: skip
            _delete(connection, workspace_id, "key", list(latest))
            connection.executemany(_ROW, values)
            _touch(connection, workspace_id)

        if latest:
            await self._file.write(work)

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        await self._deleted(workspace_id, "key", chunks)

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        await self._deleted(workspace_id, "document", documents)

    async def _deleted(self, workspace_id: str, column: str, names: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            _delete(connection, workspace_id, column, [key(name) for name in names])
            _touch(connection, workspace_id)

        await self._file.write(work)

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        question = asked(where)
        matrix = await self._matrix(workspace_id)
        if matrix is None:
            raise unprepared(ID, workspace_id)
        check_length(vector, matrix.dimension, ID)
        if not self._as_bytes:
            return matrix.named(*await asyncio.to_thread(matrix.best, vector, limit, question), limit)
        at, _ = await asyncio.to_thread(matrix.best, vector, 2 * limit + _SPARE, question)
        return matrix.named(*await self._exact(workspace_id, matrix, vector, at), limit)

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        matrix = await self._matrix(workspace_id)
        if matrix is None:
            raise unprepared(ID, workspace_id)
        check_length(vector, matrix.dimension, ID)
        wanted = set(chunks)
        at = np.array([n for n, chunk in enumerate(matrix.chunks) if chunk in wanted], dtype=np.intp)
        if self._as_bytes:
            at, found = await self._exact(workspace_id, matrix, vector, at)
        else:
            found = await asyncio.to_thread(matrix.cosines, vector, at)
        return {matrix.chunks[n]: float(score) for n, score in zip(at, found, strict=True)}

    async def _exact(
        self, workspace_id: str, matrix: Matrix, vector: Vector, at: Places
    ) -> tuple[Places, Scores]:
        """By the floats in the file; without rows that have gone meanwhile."""
        numbers = json.dumps(matrix.numbers[at].tolist())
        rows = await self._file.read(
            lambda connection: connection.execute(_FLOATS, (workspace_id, numbers)).fetchall()
        )
        place = np.searchsorted(matrix.numbers, np.array([row[0] for row in rows], dtype=np.int64))
        floats = b"".join(bytes(row[1])[matrix.dimension :] for row in rows)
        vectors = np.frombuffer(floats, dtype="<f4").reshape(len(rows), matrix.dimension)
        return place, np.asarray(vectors @ unit(vector), dtype=np.float32)

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        from_key = key(after) if after else ""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT chunk FROM vector_rows WHERE workspace_id = ? AND key > ? ORDER BY key LIMIT ?",
                (workspace_id, from_key, limit),
            ).fetchall()
        )
        return [str(row[0]) for row in rows]

    async def count(self, workspace_id: str) -> int:
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM vector_rows WHERE workspace_id = ?", (workspace_id,)
            ).fetchall()
        )
        return int(rows[0][0])

    async def drop(self, workspace_id: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM vector_rows WHERE workspace_id = ?", (workspace_id,))
            connection.execute(  # the revision goes on growing: other processes have old ones in memory
                "UPDATE vector_spaces SET embedder = '', position = 0, revision = revision + 1"
                " WHERE workspace_id = ?",
                (workspace_id,),
            )

        await self._file.write(work)
        self._matrices.pop(workspace_id, None)

    async def purge(self) -> bool:
        return await self._file.purge()

    async def health(self) -> str:
        await self._file.read(lambda connection: connection.execute("SELECT 1 FROM vector_spaces").fetchall())
        return SQLITE_VERSION

    async def close(self) -> None:
        self._matrices.clear()
        await self._file.close()

    async def _matrix(self, workspace_id: str) -> Matrix | None:
        cached = self._matrices.get(workspace_id)
        found = await self._file.read(lambda connection: self._loaded(connection, workspace_id, cached))
        if found is None:
            return None
        self._matrices[workspace_id] = found
        self._matrices.move_to_end(workspace_id)
        while len(self._matrices) > _CACHED_WORKSPACES:
            self._matrices.popitem(last=False)
        return found[1]

    def _loaded(
        self, connection: Connection, workspace_id: str, cached: tuple[int, Matrix] | None
    ) -> tuple[int, Matrix] | None:
        """`cached` itself when nothing has changed; else only rows that it lacks are read."""
        space = _space(connection, workspace_id)
        if space is None or not space[0].startswith(f"{self._model}:"):
            return None
        generation = self._file.generation
        old = cached[1] if cached is not None and cached[0] == generation else None
        if old is not None and old.revision == space[3]:
            return cached
        return generation, _read(connection, workspace_id, space, old, as_bytes=self._as_bytes)

    def _dimension(self, connection: Connection, workspace_id: str) -> int:
        space = _space(connection, workspace_id)
        if space is None or not space[0].startswith(f"{self._model}:"):
            raise unprepared(ID, workspace_id)
        return space[1]


def _space(connection: Connection, workspace_id: str) -> tuple[str, int, int, int] | None:
    return connection.execute(
        "SELECT embedder, dimension, position, revision FROM vector_spaces WHERE workspace_id = ?",
        (workspace_id,),
    ).fetchone()


def _touch(connection: Connection, workspace_id: str) -> None:
    connection.execute(
        "UPDATE vector_spaces SET revision = revision + 1 WHERE workspace_id = ?", (workspace_id,)
    )


def _delete(connection: Connection, workspace_id: str, column: str, names: Sequence[str]) -> None:
    connection.executemany(
        _DELETE[column],
        [(workspace_id, name) for name in names],
    )


def _terms(row: VectorRow) -> str:
    return " ".join((
        *(f"u{one}" for one in under(row.source)),
        *(f"a{one}" for one in seen_by(row.acl)),
        *(f"t{one}" for one in keys(row.tags)),
    ))  # fmt: skip


def _read(
    connection: Connection,
    workspace_id: str,
    space: tuple[str, int, int, int],
    old: Matrix | None,
    *,
    as_bytes: bool,
) -> Matrix:
    found = connection.execute(
        "SELECT number FROM vector_rows WHERE workspace_id = ? ORDER BY number", (workspace_id,)
    ).fetchall()
    numbers = np.array([row[0] for row in found], dtype=np.int64)
    kind = "i1" if as_bytes else "<f4"
    vectors: npt.NDArray[Any] = np.zeros((len(numbers), space[1]), dtype=kind)
    chunks, terms = [""] * len(numbers), [""] * len(numbers)
    moments, scales = np.zeros(len(numbers), dtype=np.int64), np.ones(len(numbers), dtype=np.float32)
    last = -1
    if old is not None and len(old.numbers) and old.dimension == space[1]:
        last = int(old.numbers[-1])  # a row that is written again gets a new number
        kept = np.flatnonzero(numbers <= last)
        at = np.searchsorted(old.numbers, numbers[kept])
        vectors[kept], moments[kept], scales[kept] = old.vectors[at], old.moments[at], old.scales[at]
        for place, before in zip(kept, at, strict=True):
            chunks[place], terms[place] = old.chunks[before], old.terms[before]
    first = int(np.searchsorted(numbers, last, side="right"))
    news = connection.execute(
        "SELECT chunk, terms, moment, scale, vector FROM vector_rows WHERE workspace_id = ? AND number > ?"
        " ORDER BY number",
        (workspace_id, last),
    )
    for place, row in enumerate(news, first):
        chunks[place], terms[place], moments[place], scales[place] = row[:4]
        vectors[place] = np.frombuffer(row[4], dtype=kind, count=space[1])
    return Matrix(
        revision=space[3],
        dimension=space[1],
        numbers=numbers,
        chunks=tuple(chunks),
        terms=tuple(terms),
        moments=moments,
        scales=scales,
        vectors=vectors,
        postings=posted(terms),
    )
