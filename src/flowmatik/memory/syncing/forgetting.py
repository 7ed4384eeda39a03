"""What sources keep of documents that are forgotten, or that name somebody, goes; hashes keep them out."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.memory_care import Meant
from flowmatik.kernel.clock import Clock
from flowmatik.memory import kept_out
from flowmatik.memory.erasure import naming
from flowmatik.memory.syncing.copies import Copies

_ENTRIES = (
    "SELECT e.source_id, d.name, d.settings, e.path, e.name, e.reason, e.details, e.entry"
    " FROM source_entries e JOIN source_definitions d ON d.workspace_id = e.workspace_id"
    " AND d.id = e.source_id WHERE e.workspace_id = $1"
)
_GONE = "DELETE FROM source_entries WHERE workspace_id = $1 AND source_id = $2 AND path = $3"


def place_in(source_id: str, path: str) -> str:
    """What stands for a document of a source among what is kept out."""
    return f"{source_id}:{path}"


class SourceEntries:
    """Implements `AlsoForgets`. `memory` knows what is kept out."""

    name = "source_entries"

    def __init__(self, database: Database, memory: Database, copies: Copies, clock: Clock) -> None:
        self._database = database
        self._memory = memory
        self._copies = copies
        self._clock = clock

    async def named(self, workspace_id: str, meant: Meant) -> int:
        return len(await self._meant(workspace_id, meant))

    going = named

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        """They are kept out before they go, so that whoever dies in between leaves none to be taken in."""
        found = await self._meant(workspace_id, meant)
        places = [place_in(source_id, path) for source_id, path, _ in found]
        at = self._clock.now().isoformat()
        marks = kept_out.keep_out(workspace_id, places, (), at)
        if marks:
            await self._memory.within(workspace_id).transaction(marks)
            await asyncio.to_thread(self._uncopied, workspace_id, found)
            gone: list[Statement] = [(_GONE, (workspace_id, source_id, path)) for source_id, path, _ in found]
            await self._database.within(workspace_id).transaction(gone)
        return len(found)

    def _uncopied(self, workspace_id: str, found: Sequence[tuple[str, str, str]]) -> None:
        """Blocking. Dead letters may lie there too."""
        for source_id, _, name in found:
            root = self._copies.root(workspace_id, source_id)
            if (root / name).is_relative_to(root):
                self._copies.remove(root / name, root)

    async def _meant(self, workspace_id: str, meant: Meant) -> list[tuple[str, str, str]]:
        rows = await self._database.within(workspace_id).fetch(_ENTRIES, workspace_id)
        return await asyncio.to_thread(self._those, workspace_id, rows, meant)

    def _those(self, workspace_id: str, rows: Sequence[Row], meant: Meant) -> list[tuple[str, str, str]]:
        """Blocking. Source, path and the name of the copy."""
        places, names = set(meant.places), is_naming(meant)
        found: list[tuple[str, str, str]] = []
        for source_id, source, settings, path, name, reason, details, entry in rows:
            root = self._copies.root(workspace_id, str(source_id))
            said = (path, name, reason, *texts_in(json.loads(details)), *texts_in(json.loads(entry)))
            if (
                str(root / str(name)) in places  # an absolute name stays one
                or f"{source}/{path}" == meant.document
                or is_asked_for(meant, root, (source_id, source, settings))
                or any(map(names, map(str, said)))
            ):
                found.append((str(source_id), str(path), str(name)))
        return found


def is_asked_for(meant: Meant, root: Path, source: tuple[str, str, str]) -> bool:
    """Whether it is `source` (its id, name and settings) that is to be forgotten, by its name or place."""
    source_id, name, settings = source
    path = cast("dict[str, object]", json.loads(settings)).get("path")
    return meant.source != "" and meant.source in (source_id, name, str(root), path)


def is_naming(meant: Meant) -> Callable[[str], bool]:
    return naming(meant.subject) if meant.subject else _nobody


def _nobody(text: str) -> bool:
    del text
    return False


def texts_in(value: Any) -> Iterator[str]:
    """All in a value of JSON."""
    if isinstance(value, dict):
        for key, one in cast("dict[str, Any]", value).items():
            yield key
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from texts_in(one)
    elif isinstance(value, str):
        yield value
