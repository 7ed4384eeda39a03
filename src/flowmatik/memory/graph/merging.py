"""Entities that people have joined. Mentions keep the key that their text gives, so that nothing has to be
written again when people join or part entities, and nothing that is written again undoes what they did."""

from collections import defaultdict
from collections.abc import Mapping

from flowmatik.contracts.database import Database


async def merges_of(database: Database, workspace_id: str) -> dict[str, str]:
    """Which entity each one was joined with, as people said it."""
    rows = await database.fetch(
        "SELECT entity, target FROM memory_merges WHERE workspace_id = $1 ORDER BY entity", workspace_id
    )
    return {str(entity): str(target) for entity, target in rows}


async def resolutions(database: Database, workspace_id: str) -> dict[str, str]:
    """For each entity that is joined with another, the one that it is in the end."""
    merges = await merges_of(database, workspace_id)
    return {entity: resolved(merges, entity) for entity in merges}


def resolved(merges: Mapping[str, str], entity: str) -> str:
    """A circle, which nobody can make, would end at its least key."""
    seen: list[str] = []
    while entity in merges:
        if entity in seen:
            return min(seen)
        seen.append(entity)
        entity = merges[entity]
    return entity


def members(merges: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each entity with which others are joined, those."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for entity in sorted(merges):
        found[resolved(merges, entity)].append(entity)
    return {root: tuple(joined) for root, joined in found.items()}
