"""The entities of a workspace by how often passages name them, page by page."""

from collections import Counter
from collections.abc import Sequence

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory_entities import AMOUNTS, KINDS, Entity
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.bulk import listed
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.graph.merging import members, merges_of

MOST_LISTED = 500

# `roots`: with what each entity is joined in the end; people join a few, in chains at most.
_LISTED = (
    "WITH RECURSIVE joined (entity, root) AS (SELECT entity, target FROM memory_merges"
    " WHERE workspace_id = $1 UNION SELECT j.entity, m.target FROM joined j JOIN memory_merges m"
    " ON m.workspace_id = $1 AND m.entity = j.root),"
    " roots AS (SELECT entity, root FROM joined j WHERE NOT EXISTS (SELECT 1 FROM memory_merges m"
    " WHERE m.workspace_id = $1 AND m.entity = j.root)),"
    " named AS (SELECT e.key, c.times FROM memory_entities e JOIN (SELECT entity, sum(count) AS times"
    " FROM memory_mentions WHERE workspace_id = $1 AND kind IN (:list) GROUP BY entity) c"
    " ON c.entity = e.key WHERE e.workspace_id = $1:silent),"
    " counted AS (SELECT coalesce(r.root, n.key) AS key, sum(n.times) AS times,"
    " max(CASE WHEN n.key LIKE $2 THEN 1 ELSE 0 END) AS wanted"
    " FROM named n LEFT JOIN roots r ON r.entity = n.key GROUP BY coalesce(r.root, n.key))"
    " SELECT key, times FROM counted WHERE (wanted = 1 OR key LIKE $2) AND ($3 = -1 OR times < $3"
    " OR (times = $3 AND key > $4)) ORDER BY times DESC, key LIMIT $5"
)
_SILENT = (
    " UNION ALL SELECT key, 0 FROM memory_gazetteer WHERE workspace_id = $1"
    " UNION ALL SELECT entity, 0 FROM memory_merges WHERE workspace_id = $1"
)
_SURFACES = (
    "SELECT entity, surface, sum(count) FROM memory_mentions WHERE workspace_id = $1 AND entity IN (:list)"
    " GROUP BY entity, surface"
)
_SUPPLIED = "SELECT key, name FROM memory_gazetteer WHERE workspace_id = $1 AND key IN (:list)"


async def entities_by_frequency(
    database: Database, workspace_id: str, *, text: str, kind: str, after: str, limit: int
) -> list[Entity]:
    """See `MemoryEntities.list`."""
    _check(kind, limit)
    times, key = _place(after)
    wanted = "%" + key_of(text).replace("%", "").replace("_", "") + "%" if text else "%"
    kinds = (kind,) if kind else tuple(one for one in KINDS if one not in AMOUNTS)
    sql = _LISTED.replace(":silent", "" if kind else _SILENT)
    ((statement, values),) = listed(sql, kinds, 6)
    rows = await database.fetch(statement, workspace_id, wanted, times, key, limit, *values)
    joined = members(await merges_of(database, workspace_id))
    found = [(str(root), int(count), joined.get(str(root), ())) for root, count in rows]
    names = await _names(database, workspace_id, [one for root, _, more in found for one in (root, *more)])
    return [
        Entity(key=root, name=_name(root, more, names), mentions=count, merged=more)
        for root, count, more in found
    ]


def _check(kind: str, limit: int) -> None:
    if not 1 <= limit <= MOST_LISTED:
        raise InvalidInput(
            f"limit is {limit}; it must be from 1 to {MOST_LISTED}",
            code="input.limit",
            context={"limit": limit, "most": MOST_LISTED},
        )
    if kind and kind not in KINDS:
        known = ", ".join(KINDS)
        raise InvalidInput(
            f"there is no kind of entity {kind[:100]!r}; there are {known}",
            code="input.entity_kind",
            context={"kind": kind[:100], "known": known},
        )


def _place(cursor: str) -> tuple[int, str]:
    if not cursor:
        return -1, ""
    times, _, key = cursor.partition(":")
    if not (times.isascii() and times.isdigit() and len(times) < 18 and key.isprintable()):
        raise InvalidInput(
            f"{cursor[:100]!r} is no cursor; use `next` of the page before, unchanged", code="input.cursor"
        )
    return int(times), key


async def _names(database: Database, workspace_id: str, keys: Sequence[str]) -> dict[str, Counter[str]]:
    """How often each is written in which way; supplied names count nothing."""
    found: dict[str, Counter[str]] = {}
    for sql, values in listed(_SURFACES, keys, 2):
        for entity, surface, times in await database.fetch(sql, workspace_id, *values):
            found.setdefault(str(entity), Counter())[str(surface)] += int(times)
    for sql, values in listed(_SUPPLIED, keys, 2):
        for key, name in await database.fetch(sql, workspace_id, *values):
            found.setdefault(str(key), Counter())[str(name)] += 0
    return found


def _name(root: str, more: Sequence[str], names: dict[str, Counter[str]]) -> str:
    """One of its own before those of what is joined with it, and one by which it is found again before
    others: a title may say more than its key."""
    written = Counter[str]()
    for key in (root, *more):
        written.update(names.get(key, {}))

    def rank(one: str) -> tuple[bool, bool, int, str]:
        key = key_of(one)
        return key != root, key not in more, -written[one], one

    return min(written, key=rank, default=root)
