"""What a search may find by tags, dates and languages: as if the workspace held nothing else."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Search
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.bulk import listed
from flowmatik.memory.loading import Snapshot, holding

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T\S{1,40})?)?)?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_LAST = "\uffff"  # after every text that begins as it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Each as `Search` has it."""

    tags: frozenset[str] = frozenset()
    dated_from: str = ""
    dated_until: str = ""
    languages: tuple[str, ...] = ()


NO_FILTERS = Filters()


def filters_of(asked: Search) -> Filters:
    """Raises InvalidInput for what is no date (`input.dated`), a span that ends before it begins
    (`input.dated_span`), or what is no language's code (`input.language_code`)."""
    for value in (asked.dated_from, asked.dated_until):
        if value and not _DATE.fullmatch(value):
            raise InvalidInput(
                f"{value[:100]!r} is no date; write a year, a month or a day such as "
                "2024, 2024-05 or 2024-05-31",
                code="input.dated",
                context={"date": value[:100]},
            )
    if asked.dated_until and asked.dated_from > asked.dated_until + _LAST:
        raise InvalidInput(
            f"{asked.dated_from!r} is after {asked.dated_until!r}; nothing is from then until then",
            code="input.dated_span",
            context={"since": asked.dated_from, "until": asked.dated_until},
        )
    for language in asked.languages:
        if not _LANGUAGE.fullmatch(language):
            raise InvalidInput(
                f"{language[:100]!r} is no language's code; write one such as es or en",
                code="input.language_code",
                context={"language": language[:100]},
            )
    return Filters(
        tags=frozenset(asked.tags),
        dated_from=asked.dated_from,
        dated_until=asked.dated_until,
        languages=asked.languages,
    )


async def filtered(database: Database, workspace_id: str, snapshot: Snapshot, filters: Filters) -> Snapshot:
    """As if the workspace held those passages and no other: what is rare and what is best is reckoned among
    them."""
    if filters == NO_FILTERS or not len(snapshot.rows):
        return snapshot
    kept = _documents(snapshot, filters)[snapshot.documents]
    if filters.languages:
        kept &= np.isin(snapshot.rows, await _speaking(database, workspace_id, filters.languages))
    return holding(snapshot, kept)


def _documents(snapshot: Snapshot, filters: Filters) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(snapshot.names.sources), dtype=np.bool_)
    if filters.tags:
        kept &= [not filters.tags.isdisjoint(tags) for tags in snapshot.tags]
    if filters.dated_from or filters.dated_until:
        first, last = filters.dated_from, f"{filters.dated_until or _LAST}{_LAST}"
        kept &= [bool(dated) and first <= dated <= last for dated in snapshot.dated]
    return kept


async def _speaking(
    database: Database, workspace_id: str, languages: tuple[str, ...]
) -> npt.NDArray[np.int64]:
    """The numbers of the passages in those languages; a passage without one is in its document's. What a
    number stands for never changes, so that this may be newer than the snapshot."""
    sql = (
        "SELECT c.number FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id"
        " AND d.id = c.document WHERE c.workspace_id = $1"
        " AND CASE WHEN c.language = '' THEN d.language ELSE c.language END IN (:list)"
    )
    numbers: list[int] = []
    for statement, values in listed(sql, list(dict.fromkeys(languages)), 2):
        numbers += [int(row[0]) for row in await database.fetch(statement, workspace_id, *values)]
    return np.array(numbers, dtype=np.int64)
