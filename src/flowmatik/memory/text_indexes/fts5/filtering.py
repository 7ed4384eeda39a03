"""A filter as SQL over passage `p`."""

from collections.abc import Sequence

from flowmatik.contracts.indexes import Filter

_TAGGED = "EXISTS (SELECT 1 FROM tags t WHERE t.passage = p.number AND t.tag IN "
_ACL = "SELECT 1 FROM acl a WHERE a.passage = p.number"


def condition(where: Filter) -> tuple[str, tuple[str, ...]]:
    """What follows a WHERE, and its parameters."""
    parts: list[str] = []
    values: list[str] = []
    if where.sources:
        names = [one.rstrip("/") for one in where.sources]
        below = " OR ".join(["p.source = ? OR p.source >= ? AND p.source < ?"] * len(names))
        parts.append(f"({below})")
        values += [value for name in names for value in (name, f"{name}/", f"{name}0")]  # 0 follows /
    if where.principals is not None:
        principals = sorted(where.principals) or [""]
        parts.append(f"(NOT EXISTS ({_ACL}) OR EXISTS ({_ACL} AND a.principal IN ({_marks(principals)})))")
        values += principals
    if where.tags:
        among = _marks(where.tags)
        parts.append("".join((_TAGGED, "(", among, "))")))
        values += where.tags
    if where.dated_from or where.until:
        parts.append("p.dated <> '' AND p.dated >= ? AND p.dated <= ?")
        values += [where.dated_from, where.until or "\uffff"]
    return "".join(f" AND {part}" for part in parts), tuple(values)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
