"""What sources keep of documents that are forgotten, or that name somebody, goes; hashes keep them out."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.memory_care import Meant
from flowmatik.kernel.clock import Clock
from flowmatik.memory import kept_out
from flowmatik.memory.erasure import naming
from flowmatik.memory.syncing.copies import Copies

_ENTRIES = "SELECT source_id, path, name, reason, details, entry FROM source_entries WHERE workspace_id = $1"
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

    async def named(self, workspace_id: str, subject: Sequence[str]) -> int:
        return len(await self._meant(workspace_id, Meant(subject=tuple(subject))))

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        """They are kept out before they go, so that whoever dies in between leaves none to be taken in."""
        found = await self._meant(workspace_id, meant)
        places = [place_in(source_id, path) for source_id, path in found]
        at = self._clock.now().isoformat()
        marks = kept_out.keep_out(workspace_id, places, (), at)
        if marks:
            await self._memory.within(workspace_id).transaction(marks)
            gone: list[Statement] = [(_GONE, (workspace_id, *one)) for one in found]
            await self._database.within(workspace_id).transaction(gone)
        return len(found)

    async def _meant(self, workspace_id: str, meant: Meant) -> list[tuple[str, str]]:
        if not (meant.places or meant.subject):
            return []
        rows = await self._database.within(workspace_id).fetch(_ENTRIES, workspace_id)
        return await asyncio.to_thread(self._those, workspace_id, rows, meant)

    def _those(self, workspace_id: str, rows: Sequence[Row], meant: Meant) -> list[tuple[str, str]]:
        """Blocking."""
        places = set(meant.places)
        has_name: Callable[[str], bool] = naming(meant.subject) if meant.subject else _nobody
        found: list[tuple[str, str]] = []
        for source_id, path, name, reason, details, entry in rows:
            place = self._copies.root(workspace_id, str(source_id)) / str(name)  # an absolute name stays one
            said = (
                str(path),
                str(name),
                str(reason),
                *_texts(json.loads(details)),
                *_texts(json.loads(entry)),
            )
            if str(place) in places or any(map(has_name, said)):
                found.append((str(source_id), str(path)))
        return found


def _nobody(text: str) -> bool:
    del text
    return False


def _texts(value: Any) -> Iterator[str]:
    """All in a value of JSON."""
    if isinstance(value, dict):
        for key, one in cast("dict[str, Any]", value).items():
            yield key
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
