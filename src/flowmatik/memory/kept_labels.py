"""What people have said of a file, by its path, so that it outlasts the document.

A document goes when its file cannot be read any more, or is gone for a while; who may see that file is not
for the file to say. What was said with a certain content, before it was there, is kept under the content's
hash and holds for whoever takes that content in first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory.bulk import inserts, listed
from flowmatik.memory.records import Known, Stamp

STANDING = ""  # in place of a content's hash: of whatever the file holds
_COLUMNS = ("workspace_id", "path", "content_hash", "acl", "tags", "metadata", "dated")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLabels:
    """Of one path, whatever it holds."""

    path: str
    labels: DocumentLabels = field(default_factory=DocumentLabels)


async def labels_for(
    database: Database, workspace_id: str, stamp: Stamp, origin: Known | None
) -> DocumentLabels | None:
    """What was said before of a file that holds `stamp` now and was the document `origin`, if any; None: it
    keeps what it has. To be asked after its content was read: what was said before the content was there is
    found then."""
    rows = await database.fetch(
        "SELECT content_hash, acl, tags, metadata, dated FROM memory_labels WHERE workspace_id = $1"
        " AND path = $2 AND content_hash IN ('', $3)",
        *(workspace_id, stamp.path, stamp.content_hash),
    )
    said = {str(row[0]): _labels(row[1:]) for row in rows}
    if stamp.content_hash in said:
        return said[stamp.content_hash]
    if origin is None:
        return said.get(STANDING)
    moved = origin.stamp.path != stamp.path
    if moved and STANDING in said and not await standing_at(database, workspace_id, [origin.stamp.path]):
        return said[STANDING]
    return None


async def standing_at(database: Database, workspace_id: str, paths: Sequence[str]) -> list[KeptLabels]:
    """Those of `paths` of which something is kept."""
    found: list[KeptLabels] = []
    for sql, values in listed(
        "SELECT path, acl, tags, metadata, dated FROM memory_labels WHERE workspace_id = $1"
        " AND content_hash = '' AND path IN (:list)",
        paths,
        2,
    ):
        rows = await database.fetch(sql, workspace_id, *values)
        found += [KeptLabels(path=str(row[0]), labels=_labels(row[1:])) for row in rows]
    return found


async def all_kept(database: Database, workspace_id: str) -> list[KeptLabels]:
    rows = await database.fetch(
        "SELECT path, acl, tags, metadata, dated FROM memory_labels WHERE workspace_id = $1 ORDER BY path",
        workspace_id,
    )
    return [KeptLabels(path=str(row[0]), labels=_labels(row[1:])) for row in rows]


def kept(
    workspace_id: str, path: str, labels: DocumentLabels, content_hash: str = STANDING
) -> list[Statement]:
    """In place of what was kept before."""
    row = (
        *(workspace_id, path, content_hash, json.dumps(sorted(set(labels.acl)))),
        *(json.dumps(sorted(set(labels.tags))), json.dumps(dict(labels.metadata), sort_keys=True)),
        labels.dated,
    )
    news = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[3:])
    where = "ON CONFLICT (workspace_id, path, content_hash) DO UPDATE SET"
    return list(inserts("memory_labels", _COLUMNS, [row], f"{where} {news}"))


def standing(workspace_id: str, path: Path, labels: DocumentLabels | None) -> list[Statement]:
    """None: nothing new is said. Of a file whose name is no text nothing is kept; it is never taken in."""
    is_text = not any("\ud800" <= sign <= "\udfff" for sign in str(path))
    return kept(workspace_id, str(path), labels) if labels is not None and is_text else []


def with_file(
    workspace_id: str, stamp: Stamp, labels: DocumentLabels | None, before: Sequence[str]
) -> list[Statement]:
    """What is kept of a file that is taken in with `labels`, if any; `before`: where it was."""
    content_waits_no_longer: Statement = (
        "DELETE FROM memory_labels WHERE workspace_id = $1 AND path = $2 AND content_hash = $3",
        (workspace_id, stamp.path, stamp.content_hash),
    )
    moved = [path for path in before if path != stamp.path and labels is None]
    return [
        content_waits_no_longer,
        *(_copied(workspace_id, path, stamp.path) for path in moved),
        *standing(workspace_id, Path(stamp.path), labels),
    ]


def _copied(workspace_id: str, before: str, now: str) -> Statement:
    """A file that moves takes along what stands of it, and leaves it where it was: programs write a file
    anew by moving the old one out of the way."""
    return (
        "INSERT INTO memory_labels (workspace_id, path, content_hash, acl, tags, metadata, dated)"
        " SELECT workspace_id, $3, content_hash, acl, tags, metadata, dated FROM memory_labels"
        " WHERE workspace_id = $1 AND path = $2 AND content_hash = ''"
        " ON CONFLICT (workspace_id, path, content_hash) DO UPDATE SET acl = excluded.acl,"
        " tags = excluded.tags, metadata = excluded.metadata, dated = excluded.dated",
        (workspace_id, before, now),
    )


def unsaid(workspace_id: str, paths: Sequence[str]) -> list[Statement]:
    return [
        (sql, (workspace_id, *values))
        for sql, values in listed(
            "DELETE FROM memory_labels WHERE workspace_id = $1 AND path IN (:list)", paths, 2
        )
    ]


def _labels(row: Sequence[Any]) -> DocumentLabels:
    acl, tags, metadata, dated = row
    return DocumentLabels(
        acl=tuple(json.loads(acl)), tags=tuple(json.loads(tags)), metadata=json.loads(metadata), dated=dated
    )
