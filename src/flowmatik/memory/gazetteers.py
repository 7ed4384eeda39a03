"""The names that a workspace's users supply. What was derived under other names is derived again: the version
of what is derived says under which."""

import hashlib
import json
from collections.abc import Sequence

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory_entities import MOST_ALIASES, MOST_NAMES, GazetteerEntry
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.bulk import inserts
from flowmatik.memory.derived import DERIVED, NOTHING_SUPPLIED, Supplied
from flowmatik.memory.graph.gazetteer import Gazetteer
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.writing import touched

_LONGEST = 200


async def supplied_to(database: Database, workspace_id: str) -> Supplied:
    entries = await entries_of(database, workspace_id)
    if not entries:
        return NOTHING_SUPPLIED
    known = {one.name: one.aliases for one in entries}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    return Supplied(gazetteer=Gazetteer.of(known), derived=f"{DERIVED}/{digest[:16]}")


async def entries_of(database: Database, workspace_id: str) -> list[GazetteerEntry]:
    rows = await database.fetch(
        "SELECT name, aliases, kind FROM memory_gazetteer WHERE workspace_id = $1 ORDER BY key", workspace_id
    )
    return [
        GazetteerEntry(name=str(name), aliases=tuple(json.loads(aliases)), kind=str(kind))
        for name, aliases, kind in rows
    ]


def replaced(workspace_id: str, entries: Sequence[GazetteerEntry]) -> list[Statement]:
    """Raises InvalidInput (`input.gazetteer`): nothing is taken of a list with a fault."""
    if len(entries) > MOST_NAMES:
        raise _wrong(f"{len(entries)}", f"there are more than {MOST_NAMES} names")
    rows: dict[str, tuple[object, ...]] = {}
    for one in entries:
        key = key_of(one.name)
        _check(one, key)
        if key in rows:
            raise _wrong(one.name, "the name is there twice")
        rows[key] = (workspace_id, key, one.name, json.dumps(one.aliases), one.kind)
    columns = ("workspace_id", "key", "name", "aliases", "kind")
    return [
        touched(workspace_id),
        ("DELETE FROM memory_gazetteer WHERE workspace_id = $1", (workspace_id,)),
        *inserts("memory_gazetteer", columns, list(rows.values())),
    ]


def _check(one: GazetteerEntry, key: str) -> None:
    texts = (one.name, *one.aliases)
    if not key or not all(key_of(text) for text in texts):
        raise _wrong(one.name, "a name needs letters or digits")
    if len(one.aliases) > MOST_ALIASES:
        raise _wrong(one.name, f"it has more than {MOST_ALIASES} other names")
    if any(len(text) > _LONGEST or not text.isprintable() for text in (*texts, one.kind)):
        raise _wrong(one.name, f"a text is longer than {_LONGEST} characters, or has signs that do not print")


def _wrong(name: str, why: str) -> InvalidInput:
    shown = ascii(name[:60])
    return InvalidInput(
        f"the gazetteer cannot be used at {shown}: {why}; correct it and load it again",
        code="input.gazetteer",
        context={"name": shown, "why": why},
    )
