"""What runs and conversations still say of who is forgotten: they go only when a person deletes them."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory_care import NAMED_AT_MOST, Meant, Naming
from flowmatik.kernel.errors import FlowmatikError, Unavailable

_PAGE = 500
_TITLES = "SELECT id, title FROM threads WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3"
_MESSAGES = (
    "SELECT thread_id, number, text FROM thread_messages WHERE workspace_id = $1"
    " AND (thread_id, number) > ($2, $3) ORDER BY thread_id, number LIMIT $4"
)
_GOALS = "SELECT run_id, goal FROM runs WHERE workspace_id = $1 AND run_id > $2 ORDER BY run_id LIMIT $3"
_EVENTS = (
    "SELECT run_id, seq, payload FROM run_events WHERE workspace_id = $1"
    " AND (run_id, seq) > ($2, $3) ORDER BY run_id, seq LIMIT $4"
)
_INBOX = (
    "SELECT run_id, input_no, payload FROM run_inbox WHERE workspace_id = $1"
    " AND (run_id, input_no) > ($2, $3) ORDER BY run_id, input_no LIMIT $4"
)
_BLOBS = (
    "SELECT sha256, run_id FROM run_blobs WHERE workspace_id = $1"
    " AND (sha256, run_id) > ($2, $3) ORDER BY sha256, run_id LIMIT $4"
)
_STILL = (
    "SELECT 1 FROM run_blobs WHERE workspace_id = $1 AND sha256 = $2 AND run_id = $3"  # not deleted since
)
_ESCAPE = re.compile(r"\\+(u[0-9a-fA-F]{4}|.)", re.DOTALL)

IsNamed = Callable[[str], bool]


class Conversations:
    """Implements `KeepsOutside`: what was said in threads, and what they are called."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def naming(self, workspace_id: str, meant: Meant) -> Naming:
        if not meant.subject:
            return _of("threads", ())
        is_named, database = _naming(meant.subject), self._database.within(workspace_id)
        found = await _found(database, workspace_id, _TITLES, ("",), is_named)
        found |= await _found(database, workspace_id, _MESSAGES, ("", 0), is_named)
        return _of("threads", found)


class RunsThatName:
    """Implements `KeepsOutside`: what runs were asked, what happened in them, and what they put away."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    async def naming(self, workspace_id: str, meant: Meant) -> Naming:
        if not meant.subject:
            return _of("runs", ())
        is_named, database = _naming(meant.subject), self._database.within(workspace_id)
        found = await _found(database, workspace_id, _GOALS, ("",), is_named)
        for sql in (_EVENTS, _INBOX):
            found |= await _found(database, workspace_id, sql, ("", -1), lambda text: is_named(_plain(text)))
        in_blobs, unread = await self._in_blobs(database, workspace_id, is_named)
        runs = sorted({run_id for _, run_id in unread})
        return replace(
            _of("runs", found | in_blobs),
            unread=len({sha256 for sha256, _ in unread}),
            unread_in=tuple(runs[:NAMED_AT_MOST]),
        )

    async def _in_blobs(
        self, database: Database, workspace_id: str, is_named: IsNamed
    ) -> tuple[set[str], list[tuple[str, str]]]:
        """The runs, and the blobs that could not be read with the runs that they are of."""
        found: set[str] = set()
        unread: list[tuple[str, str]] = []
        last: str = ""
        named: bool | None = False
        after: tuple[str, str] = ("", "")
        while page := await database.fetch(_BLOBS, workspace_id, *after, _PAGE):
            for sha256, run_id in page:
                if sha256 != last:
                    last, named = sha256, await self._is_in(workspace_id, str(sha256), is_named)
                found |= {str(run_id)} if named else set()
                unread += [(str(sha256), str(run_id))] if named is None else []
            after = (str(page[-1][0]), str(page[-1][1]))
        there = [one for one in unread if await database.fetch(_STILL, workspace_id, *one)]
        return found, there

    async def _is_in(self, workspace_id: str, sha256: str, is_named: IsNamed) -> bool | None:
        """None when it is missing or damaged."""
        try:
            content = await self._blobs.get(workspace_id, sha256)
        except Unavailable:
            raise
        except FlowmatikError:
            return None
        return await asyncio.to_thread(_says, content, is_named)


def _naming(subject: Sequence[str]) -> IsNamed:
    from flowmatik.memory.erasure import naming

    return naming(subject)


async def _found(
    database: Database, workspace_id: str, sql: str, after: tuple[str | int, ...], is_named: IsNamed
) -> set[str]:
    """The first column of the rows whose last one is a text that names the subject; the others are the key by
    which pages go on."""
    found: set[str] = set()
    while page := await database.fetch(sql, workspace_id, *after, _PAGE):
        found |= await asyncio.to_thread(_those, page, is_named)
        after = tuple(page[-1][:-1])
    return found


def _those(page: Sequence[Row], is_named: IsNamed) -> set[str]:
    """Blocking."""
    return {str(row[0]) for row in page if is_named(str(row[-1]))}


def _says(content: bytes, is_named: IsNamed) -> bool:
    """Blocking."""
    try:
        return is_named(_plain(content.decode()))
    except UnicodeDecodeError:  # a picture
        return False


def _plain(text: str) -> str:
    """JSON, also within JSON, with its escapes out of the way of words."""

    def sign(match: re.Match[str]) -> str:
        said = match[1]
        return chr(int(said[1:], 16)) if len(said) > 1 else " "

    return _ESCAPE.sub(sign, text)


def _of(kind: Literal["runs", "threads"], found: Iterable[str]) -> Naming:
    ids = sorted(found)
    return Naming(kind=kind, count=len(ids), ids=tuple(ids[:NAMED_AT_MOST]))
