"""What can still be read of a damaged memory file, document by document, into a new one.

A document is taken whole or not at all: one that lacks passages would be quoted as if it said no more. Nobody
else has the file open.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowmatik.kernel.sqlite import Connection, connect, connect_aside, sqlite3
from flowmatik.memory.store import SCHEMA_VERSION

_READABLE = (2, 3, 4, SCHEMA_VERSION)  # versions with the same tables of what is copied, but for _SINCE
_PARTS = ("memory_acl", "memory_chunks", "memory_tables", "memory_vectors")  # rows that name their document
_APART = (
    "memory_sources",
    "memory_labels",
    "memory_merges",
    "memory_gazetteer",
    "memory_erasures",
    "memory_erasing",
    "memory_kept_out",
)
_SINCE = {"memory_kept_out": 4}  # the first version that had it
_SAID = _APART[1:]
_MOST_ROWIDS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """`kept` documents are in the new file. `lost`: their names, "?" where only their number is known.
    `unsaid`: the tables of what people have said, some of which cannot be read any more and does not come
    back by itself."""

    kept: int
    lost: tuple[str, ...]
    unsaid: tuple[str, ...] = ()


def salvage(damaged: Path, new: Path, *, least_revision: int) -> Salvaged:
    """Blocking. `new` has the schema and no rows. Its revisions are higher than any that was, and than
    `least_revision`."""
    try:
        with closing(connect_aside(damaged, alone=_has_no_log(damaged))) as old, closing(connect(new)) as to:
            version = int(old.execute("PRAGMA user_version").fetchone()[0])
            if version not in _READABLE:  # in the first one there was nothing that people say
                return Salvaged(kept=0, lost=(), unsaid=() if version == 1 else _SAID)
            to.execute("BEGIN")
            found = _copied(old, to, version, least_revision)
            to.execute("COMMIT")
            to.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return found
    except sqlite3.DatabaseError:
        return Salvaged(kept=0, lost=(), unsaid=_SAID)  # not even its beginning can be read


def _has_no_log(path: Path) -> bool:
    return not path.with_name(f"{path.name}-wal").exists()


def _copied(old: Connection, to: Connection, version: int, least_revision: int) -> Salvaged:
    whole = {one for one in _APART if version < _SINCE.get(one, 0) or _copy_apart(old, to, one)}
    workspaces: dict[str, int] = {}
    kept, lost = 0, list[str]()
    for document in _documents(old):
        workspace, source = str(document["workspace_id"]), str(document["source"])
        if _is_whole(old, to, document):
            kept += 1
            workspaces.setdefault(workspace, 0)
        else:
            lost.append(source)
    missing = _known_documents(old) - kept - len(lost)
    lost += ["?"] * max(missing, 0)
    known = {str(row["workspace_id"]): row for row in _rows(old, "memory_workspaces")}
    for workspace in sorted({*workspaces, *known}):
        _workspace(to, workspace, known.get(workspace), least_revision)
    return Salvaged(kept=kept, lost=tuple(lost), unsaid=tuple(one for one in _SAID if one not in whole))


def _copy_apart(old: Connection, to: Connection, table: str) -> bool:
    """Whether all of its rows could be read: as many as each of its trees has."""
    count = 0
    for row in _rows(old, table):
        _insert(to, table, row)
        count += 1
    try:
        said = old.execute(" ".join(("PRAGMA integrity_check(", table, ")"))).fetchone()[0]
        return bool(said == "ok") and old.execute(" ".join(("SELECT count(*) FROM", table))).fetchone() == (
            count,
        )
    except sqlite3.DatabaseError:
        return False


def _documents(old: Connection) -> Iterator[dict[str, Any]]:
    """One after the other by its number, so that a page that is gone takes no others along."""
    for number in _rowids(old):
        try:
            cursor = old.execute("SELECT * FROM memory_documents WHERE rowid = ?", (number,))
            row = cursor.fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            yield dict(zip((one[0] for one in cursor.description), row, strict=True))


def _rowids(old: Connection) -> Sequence[int]:
    for sql in ("SELECT rowid FROM memory_documents INDEXED BY memory_documents_hash", "SELECT rowid FROM"
                " memory_documents INDEXED BY memory_documents_of"):  # fmt: skip
        try:
            return sorted(int(row[0]) for row in old.execute(sql))
        except sqlite3.DatabaseError:
            continue
    try:
        (most,) = old.execute("SELECT max(rowid) FROM memory_documents").fetchone()
    except sqlite3.DatabaseError:
        return ()
    return range(1, min(int(most or 0), _MOST_ROWIDS) + 1)


def _known_documents(old: Connection) -> int:
    try:
        sql = "SELECT count(*) FROM memory_documents INDEXED BY memory_documents_hash"
        return int(old.execute(sql).fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def _is_whole(old: Connection, to: Connection, document: dict[str, Any]) -> bool:
    """And then it is in the new file."""
    to.execute("SAVEPOINT document")
    try:
        key = (document["workspace_id"], document["id"])
        _insert(to, "memory_documents", {**document, "derived": ""})
        counts = {table: _copy_part(old, to, table, key) for table in _PARTS}
        whole = counts["memory_chunks"] == document["chunks"] and _offsets_hold(to, key)
        if whole and _is_labelled(to, document):
            to.execute("RELEASE document")
            return True
    except sqlite3.DatabaseError:  # of what cannot be read, or does not fit together any more
        pass
    to.execute("ROLLBACK TO document")
    to.execute("RELEASE document")
    return False


def _copy_part(old: Connection, to: Connection, table: str, key: tuple[Any, Any]) -> int:
    count = 0
    try:
        cursor = old.execute(
            " ".join(("SELECT * FROM", table, "WHERE workspace_id = ? AND document = ?")), key
        )
        names = [one[0] for one in cursor.description]
        for row in cursor:
            _insert(to, table, dict(zip(names, row, strict=True)))
            count += 1
    except sqlite3.DatabaseError:
        if table != "memory_vectors":  # the next sync makes those again
            raise
    return count


def _offsets_hold(to: Connection, key: tuple[Any, Any]) -> bool:
    sql = (
        "SELECT count(*) FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id"
        " AND d.id = c.document WHERE c.workspace_id = ? AND c.document = ?"
        " AND (c.start_at < 0 OR c.end_at < c.start_at OR c.end_at > length(d.text))"
    )
    return to.execute(sql, key).fetchone()[0] == 0


def _is_labelled(to: Connection, document: dict[str, Any]) -> bool:
    """Whether all may see it that people have said, and nobody else: it would be open to everybody without
    the rows that say otherwise."""
    said = to.execute(
        "SELECT acl FROM memory_labels WHERE workspace_id = ? AND path = ? AND content_hash = ''",
        (document["workspace_id"], document["path"]),
    ).fetchone()
    found = to.execute(
        "SELECT principal FROM memory_acl WHERE workspace_id = ? AND document = ?",
        (document["workspace_id"], document["id"]),
    ).fetchall()
    return said is None or sorted(json.loads(said[0])) == sorted(str(row[0]) for row in found)


def _rows(old: Connection, table: str) -> Iterator[dict[str, Any]]:
    """As far as they can be read."""
    try:
        cursor = old.execute(" ".join(("SELECT * FROM", table)))
        names = [one[0] for one in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))
    except sqlite3.DatabaseError:
        return


def _insert(to: Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    sql = " ".join(("INSERT INTO", table, f"({names})", "VALUES", f"({marks})"))
    to.execute(sql, tuple(row.values()))


def _workspace(to: Connection, workspace: str, row: dict[str, Any] | None, least_revision: int) -> None:
    """`next_chunk` is higher than any number that is in use."""
    sql = "SELECT coalesce(max(number), 0) + 1 FROM memory_chunks WHERE workspace_id = ?"
    (number,) = to.execute(sql, (workspace,)).fetchone()
    known = row or {"revision": 0, "next_chunk": 1, "embedder": _embedder(to, workspace), "moving_to": ""}
    _insert(to, "memory_workspaces", {
        **known,
        "workspace_id": workspace,
        "revision": max(int(known["revision"]) + 1, least_revision),
        "next_chunk": max(int(known["next_chunk"]), int(number)),
    })  # fmt: skip


def _embedder(to: Connection, workspace: str) -> str:
    """Of which there are the most vectors."""
    sql = (
        "SELECT embedder FROM memory_vectors WHERE workspace_id = ? GROUP BY embedder"
        " ORDER BY count(*) DESC LIMIT 1"
    )
    row = to.execute(sql, (workspace,)).fetchone()
    return str(row[0]) if row else ""
