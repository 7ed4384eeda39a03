"""What was forgotten stays out: neither its place nor its content is taken in again with a folder or from a
source, only when somebody hands over that very file.

Kept are hashes alone, of the place under the workspace's name and of the content as certificates have it: who
knows neither learns neither.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from flowmatik.contracts.database import Database, Statement
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.bulk import inserts, listed
from flowmatik.memory.records import Stamp

FORGOTTEN = "document.forgotten"
_COLUMNS = ("workspace_id", "mark", "made_at")


def keep_out(
    workspace_id: str, places: Sequence[str], contents: Iterable[str], made_at: str
) -> list[Statement]:
    """After the documents have gone, in the same transaction. A content that another document still has is
    not kept out."""
    rows = [(workspace_id, _place(workspace_id, path), made_at) for path in dict.fromkeys(places)]
    return [
        *inserts("memory_kept_out", _COLUMNS, rows, "ON CONFLICT (workspace_id, mark) DO NOTHING"),
        *(_keep_content_out(workspace_id, content, made_at) for content in dict.fromkeys(contents)),
    ]


def _keep_content_out(workspace_id: str, content: str, made_at: str) -> Statement:
    return (
        "INSERT INTO memory_kept_out (workspace_id, mark, made_at) SELECT $1, $2, $3 WHERE NOT EXISTS"
        " (SELECT 1 FROM memory_documents WHERE workspace_id = $1 AND content_hash = $4)"
        " ON CONFLICT (workspace_id, mark) DO NOTHING",
        (workspace_id, _content(content), made_at, content),
    )


async def refuse(database: Database, workspace_id: str, stamp: Stamp, name: str) -> None:
    """Raises DocumentError (`document.forgotten`) for what is kept out."""
    rows = await database.fetch(
        "SELECT 1 FROM memory_kept_out WHERE workspace_id = $1 AND mark IN ($2, $3) LIMIT 1",
        *(workspace_id, *_marks(workspace_id, stamp)),
    )
    if rows:
        raise DocumentError(
            f"{name}: it was forgotten, and stays out; to take it in again hand over this very file, or "
            "retry it by its path at its source",
            code=FORGOTTEN,
        )


async def among(
    database: Database, workspace_id: str, places: Sequence[str], copies: Mapping[str, str] | None = None
) -> set[str]:
    """Those of `places` that are kept out, and those of `copies` that have the version in which they were
    found to be a copy of something that is."""
    marks = {_place(workspace_id, place): place for place in places}
    marks |= {_copy(workspace_id, place, version): place for place, version in (copies or {}).items()}
    found: set[str] = set()
    sql = "SELECT mark FROM memory_kept_out WHERE workspace_id = $1 AND mark IN (:list)"
    for statement, values in listed(sql, list(marks), 2):
        found |= {marks[str(row[0])] for row in await database.fetch(statement, workspace_id, *values)}
    return found


def places_in(workspace_id: str, places: Sequence[str]) -> list[Statement]:
    """They are kept out no longer."""
    sql = "DELETE FROM memory_kept_out WHERE workspace_id = $1 AND mark = $2"
    return [(sql, (workspace_id, _place(workspace_id, place))) for place in places]


def is_copy(workspace_id: str, place: str, version: str, made_at: str) -> list[Statement]:
    """What is there in that version was found to be kept out by its content, and need not be read again."""
    row = (workspace_id, _copy(workspace_id, place, version), made_at)
    return [*inserts("memory_kept_out", _COLUMNS, [row], "ON CONFLICT (workspace_id, mark) DO NOTHING")]


def let_in(workspace_id: str, stamp: Stamp) -> Statement:
    """With it, its copies: nothing says which of all they are, and the others are found again."""
    return (
        "DELETE FROM memory_kept_out WHERE workspace_id = $1 AND (mark IN ($2, $3)"
        " OR (mark >= 'copy:' AND mark < 'copy;' AND EXISTS (SELECT 1 FROM memory_kept_out k"
        " WHERE k.workspace_id = $1 AND k.mark IN ($2, $3))))",
        (workspace_id, *_marks(workspace_id, stamp)),
    )


def still_welcome(workspace_id: str, stamp: Stamp) -> Statement:
    """The last statement of what stores a document: a Conflict, if it has been forgotten meanwhile."""
    return (
        "INSERT INTO memory_kept_out (workspace_id, mark, made_at) SELECT workspace_id, mark, made_at"
        " FROM memory_kept_out WHERE workspace_id = $1 AND mark IN ($2, $3)",
        (workspace_id, *_marks(workspace_id, stamp)),
    )


def _marks(workspace_id: str, stamp: Stamp) -> tuple[str, str]:
    return _place(workspace_id, stamp.path), _content(stamp.content_hash)


def _place(workspace_id: str, path: str) -> str:
    place = "\0".join((workspace_id, path))
    return f"place:{hashlib.sha256(place.encode()).hexdigest()}"


def _copy(workspace_id: str, place: str, version: str) -> str:
    return _place(workspace_id, f"{place}\0{version}").replace("place:", "copy:")


def _content(content_hash: str) -> str:
    return f"content:{content_hash}"
