"""Passages of several documents that say nearly the same: one is shown, and the others are named beside it.

Stored keys (`near.py`) find them, their texts decide. Everything is taken from the snapshot that the search
was narrowed to, so that a document that may not be seen, or was not asked for, is neither shown nor named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Passage
from flowmatik.memory import loading, near
from flowmatik.memory.bulk import listed
from flowmatik.memory.loading import Snapshot

MOST = 20  # documents named, and candidates read, for one passage; of boilerplate there may be thousands
_PER_PASSAGE = 200  # rows of one passage's keys: it keeps boilerplate from being read as a whole

Keys = Mapping[int, frozenset[int]]


async def keys_of(database: Database, workspace_id: str, numbers: Sequence[int]) -> Keys:
    """By the passages' numbers; passages too short to tell have none."""
    found: dict[int, set[int]] = {}
    sql = "SELECT chunk, key FROM memory_near WHERE workspace_id = $1 AND chunk IN (:list)"
    for statement, values in listed(sql, numbers, 2):
        for number, key in await database.fetch(statement, workspace_id, *values):
            found.setdefault(int(number), set()).add(int(key))
    return {number: frozenset(keys) for number, keys in found.items()}


def shown_once(
    order: Sequence[int], read: Mapping[int, Passage], keys: Mapping[int, frozenset[int]]
) -> tuple[list[int], dict[int, list[int]]]:
    """Those of `order` that say something new, and for each of them those that say the same after it. `keys`
    by the same places."""
    kept: list[int] = []
    again: dict[int, list[int]] = {}
    for place in order:
        own = keys.get(place, frozenset[int]())
        first = next(
            (
                one
                for one in kept
                if not own.isdisjoint(keys.get(one, frozenset[int]())) and _are_twins(read[one], read[place])
            ),
            None,
        )
        if first is None:
            kept.append(place)
        else:
            again.setdefault(first, []).append(place)
    return kept, again


async def named(
    database: Database,
    workspace_id: str,
    passages: Mapping[int, Passage],
    keys: Mapping[int, frozenset[int]],
    snapshot: Snapshot,
) -> dict[int, tuple[str, ...]]:
    """For each of those passages, by place, the other documents that say nearly the same."""
    wanted = sorted({key for place in passages for key in keys.get(place, ())})
    if not wanted:
        return {}
    candidates = await _sharing(database, workspace_id, passages, keys, wanted, snapshot)
    numbers = sorted({number for found in candidates.values() for number in found})
    rows = await loading.passages(database, workspace_id, numbers)
    sources: dict[int, tuple[str, ...]] = {}
    for place, found in candidates.items():
        one = passages[place]
        others = {
            str(rows[number][2])
            for number in found
            if number in rows
            and str(rows[number][2]) != one.source
            and near.says_the_same(one.text, str(rows[number][3]))
        }
        if others:
            sources[place] = tuple(sorted(others)[:MOST])
    return sources


async def _sharing(
    database: Database,
    workspace_id: str,
    passages: Mapping[int, Passage],
    keys: Mapping[int, frozenset[int]],
    wanted: Sequence[int],
    snapshot: Snapshot,
) -> dict[int, list[int]]:
    """For each place the numbers of the passages of the snapshot with a key in common, those that share the
    most keys first."""
    holders: dict[int, list[int]] = {}
    most = _PER_PASSAGE * len(passages)
    sql = (
        "SELECT key, chunk FROM memory_near WHERE workspace_id = $1 AND key IN (:list)"
        " ORDER BY key, chunk LIMIT CAST($2 AS INTEGER)"
    )
    for statement, values in listed(sql, wanted, 3):
        for key, number in await database.fetch(statement, workspace_id, most, *values):
            holders.setdefault(int(key), []).append(int(number))
    seen = np.unique(np.array([n for found in holders.values() for n in found], dtype=np.int64))
    allowed = {int(number) for number in seen[np.isin(seen, snapshot.rows)]}
    shared: dict[int, list[int]] = {}
    for place in passages:
        counts: dict[int, int] = {}
        for key in keys.get(place, ()):
            for number in holders.get(key, ()):
                if number in allowed and number != int(snapshot.rows[place]):
                    counts[number] = counts.get(number, 0) + 1
        if counts:
            shared[place] = sorted(counts, key=lambda number: (-counts[number], number))[:MOST]
    return shared


def with_twins(
    found: Sequence[Passage], order: Sequence[int], sources: Mapping[int, tuple[str, ...]]
) -> list[Passage]:
    return [
        replace(passage, also_in=sources[place]) if place in sources else passage
        for passage, place in zip(found, order, strict=True)
    ]


def _are_twins(one: Passage, other: Passage) -> bool:
    return one.source != other.source and near.says_the_same(one.text, other.text)
