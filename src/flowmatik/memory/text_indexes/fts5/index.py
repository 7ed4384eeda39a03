"""The index over its file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import Asked, TextHit, TextRow
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory.bm25 import rarity
from flowmatik.memory.text_indexes.fts5.file import IndexFile
from flowmatik.memory.text_indexes.fts5.filtering import condition

_NUMBERS = "SELECT number FROM passages WHERE workspace = ? AND"
_PART = 500  # values of one condition


class Fts5Index:
    """As `TextIndex` promises. One process writes at a time, others wait for it up to 5 s; all may read."""

    id = "fts5"

    def __init__(self, path: Path) -> None:
        self._file = IndexFile(path)

    @property
    def path(self) -> Path:
        return self._file.path

    async def upsert(self, workspace_id: str, rows: Sequence[TextRow]) -> None:
        latest = {row.chunk: row for row in rows}

        def work(connection: Connection) -> None:
            number = _made(connection, workspace_id)
            _remove(connection, number, _numbers(connection, number, "chunk", list(latest)))
            for row in latest.values():
                _add(connection, number, row)

        await self._file.write(work)

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            number = _number(connection, workspace_id)
            if number is not None:
                _remove(connection, number, _numbers(connection, number, "chunk", chunks))

        await self._file.write(work)

    async def delete_documents(
        self, workspace_id: str, documents: Sequence[str], keep: Sequence[str] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            number = _number(connection, workspace_id)
            if number is not None:
                kept = _numbers(connection, number, "chunk", keep)
                _remove(connection, number, _numbers(connection, number, "document", documents) - kept)

        await self._file.write(work)

    async def search(self, workspace_id: str, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
        def work(connection: Connection) -> list[TextHit]:
            number = _number(connection, workspace_id)
            return [] if number is None or not asked else _found(connection, number, asked, limit, where)

        return await self._file.read(work)

    async def ids(self, workspace_id: str, after: str = "", limit: int = 1000) -> list[str]:
        sql = (
            "SELECT p.chunk FROM passages p JOIN workspaces w ON w.number = p.workspace"
            " WHERE w.id = ? AND p.chunk > ? ORDER BY p.chunk LIMIT ?"
        )
        return await self._file.read(
            lambda connection: [row[0] for row in connection.execute(sql, (workspace_id, after, limit))]
        )

    async def count(self, workspace_id: str) -> int:
        sql = "SELECT count(*) FROM passages p JOIN workspaces w ON w.number = p.workspace WHERE w.id = ?"
        return await self._file.read(lambda one: int(one.execute(sql, (workspace_id,)).fetchone()[0]))

    async def position(self, workspace_id: str) -> int:
        def work(connection: Connection) -> int:
            row = connection.execute(
                "SELECT position FROM workspaces WHERE id = ?", (workspace_id,)
            ).fetchone()
            return int(row[0]) if row else 0

        return await self._file.read(work)

    async def settle(self, workspace_id: str, position: int) -> None:
        def work(connection: Connection) -> None:
            number = _made(connection, workspace_id)
            connection.execute("UPDATE workspaces SET position = ? WHERE number = ?", (position, number))

        await self._file.write(work)

    async def drop(self, workspace_id: str) -> None:
        def work(connection: Connection) -> None:
            number = _number(connection, workspace_id)
            if number is not None:
                connection.execute(f"DROP TABLE {_words(number)}")
                connection.execute("DELETE FROM workspaces WHERE number = ?", (number,))

        await self._file.write(work)

    async def purge(self, workspace_id: str) -> bool:
        """A deleted passage's terms stay in their segment until it is merged: `optimize` merges all."""

        def work(connection: Connection) -> None:
            number = _number(connection, workspace_id)
            if number is not None:
                words = _words(number)
                connection.execute(" ".join(("INSERT INTO", words, f"({words}) VALUES ('optimize')")))

        await self._file.write(work)
        return await self._file.checkpoint()

    async def health(self) -> None:
        await self._file.read(
            lambda connection: connection.execute("SELECT 1 FROM workspaces LIMIT 1").fetchone()
        )

    async def close(self) -> None:
        await self._file.close()


def _words(number: int) -> str:
    return f"words_{number}"


def _number(connection: Connection, workspace_id: str) -> int | None:
    row = connection.execute("SELECT number FROM workspaces WHERE id = ?", (workspace_id,)).fetchone()
    return int(row[0]) if row else None


def _made(connection: Connection, workspace_id: str) -> int:
    number = _number(connection, workspace_id)
    if number is None:
        row = connection.execute("INSERT INTO workspaces (id) VALUES (?) RETURNING number", (workspace_id,))
        number = int(row.fetchone()[0])
        words = _words(number)
        connection.execute(
            f"CREATE VIRTUAL TABLE {words} USING fts5 (terms, content='', contentless_delete=1,"
            " tokenize=\"ascii tokenchars ':'\")"  # takes all that is not ASCII for letters
        )
        connection.execute(" ".join(("INSERT INTO", words, f"({words}, rank) VALUES ('secure-delete', 1)")))
    return number


def _numbers(connection: Connection, number: int, column: str, values: Sequence[str]) -> set[int]:
    found = set[int]()
    for at in range(0, len(values), _PART):
        part = values[at : at + _PART]
        marks = ", ".join("?" * len(part))
        sql = " ".join((_NUMBERS, column, "IN (", marks, ")"))
        found.update(int(row[0]) for row in connection.execute(sql, (number, *part)))
    return found


def _remove(connection: Connection, number: int, passages: set[int]) -> None:
    each = [(one,) for one in sorted(passages)]
    connection.executemany(" ".join(("DELETE FROM", _words(number), "WHERE rowid = ?")), each)
    connection.executemany("DELETE FROM passages WHERE number = ?", each)


def _add(connection: Connection, number: int, row: TextRow) -> None:
    made = connection.execute(
        "INSERT INTO passages (workspace, chunk, document, source, dated) VALUES (?, ?, ?, ?, ?)"
        " RETURNING number",
        (number, row.chunk, row.document, row.source, row.dated),
    )
    passage = int(made.fetchone()[0])
    words = " ".join(row.terms)
    connection.execute(
        " ".join(("INSERT INTO", _words(number), "(rowid, terms) VALUES (?, ?)")), (passage, words)
    )
    connection.executemany("INSERT INTO acl VALUES (?, ?)", [(passage, one) for one in sorted(set(row.acl))])
    connection.executemany(
        "INSERT INTO tags VALUES (?, ?)", [(passage, one) for one in sorted(set(row.tags))]
    )


def _found(connection: Connection, number: int, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
    words, (filtered, values) = _words(number), condition(where)
    joined = f"FROM {words} JOIN passages p ON p.number = {words}.rowid WHERE {words} MATCH ?{filtered}"
    sql = f"SELECT p.number, p.chunk, -bm25({words}) AS score {joined} ORDER BY score DESC, p.chunk LIMIT ?"
    every = _match([term for group in asked for term in group])
    hits = connection.execute(sql, (every, *values, limit)).fetchall()
    if not hits:
        return []
    counted = "".join(("SELECT count(*) FROM passages p WHERE p.workspace = ?", filtered))
    count = int(connection.execute(counted, (number, *values)).fetchone()[0])
    holders = [
        {int(row[0]) for row in connection.execute(f"SELECT p.number {joined}", (_match(group), *values))}
        for group in asked
    ]
    shares = _shares([int(hit[0]) for hit in hits], holders, count)
    return [TextHit(chunk=chunk, score=float(score), coverage=shares[n]) for n, chunk, score in hits]


def _match(terms: Sequence[str]) -> str:
    """A term is letters, digits and its language's colon: nothing that could end the quotes."""
    return " OR ".join('"{}"'.format(term.replace('"', "")) for term in terms)


def _shares(hits: Sequence[int], holders: Sequence[set[int]], count: int) -> Mapping[int, float]:
    weights = [rarity(count, len(one)) for one in holders]
    mass = sum(weights) or 1.0
    pairs = list(zip(weights, holders, strict=True))
    return {hit: sum(weight for weight, one in pairs if hit in one) / mass for hit in hits}
