"""Facts that name somebody, in whatever scope and by whomever they were stated."""

import asyncio
from collections.abc import Callable, Sequence

from flowmatik.contracts.database import Database, Row
from flowmatik.memory.erasure import naming
from flowmatik.memory.facts import statements as sql

_PAGE = 500


async def lines_naming(database: Database, workspace_id: str, names: Sequence[str]) -> list[str]:
    """Those of which anything that was ever recorded has one of `names`: the subject, a value, what was
    quoted for it."""
    has_name, found, after = naming(names), set[str](), ""
    while True:
        page = await database.fetch(sql.LINES_AFTER, workspace_id, after, _PAGE)
        if not page:
            return sorted(found)
        last = str(page[-1][0])
        texts = await database.fetch(sql.TEXTS, workspace_id, after, last)
        found |= await asyncio.to_thread(_those_that, has_name, texts)
        after = last


def _those_that(has_name: Callable[[str], bool], texts: Sequence[Row]) -> set[str]:
    """Blocking."""
    return {str(line) for line, text in texts if has_name(str(text))}
