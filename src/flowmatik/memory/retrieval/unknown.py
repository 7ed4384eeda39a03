"""Misspelt words of a question to an index outside: memory's own postings know what nothing here has."""

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.memory import loading
from flowmatik.memory.bulk import listed
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.spelling import LESS, Found, mended

_LOOKED_AT = 50  # rows of a word: of one that may be seen, the first ones do as a rule
_HAVING = "SELECT chunk FROM memory_postings WHERE workspace_id = $1 AND term IN (:list) LIMIT $2"
_THERE: Found = (np.zeros(1, dtype=np.int64), np.ones(1))
_NOWHERE: Found = (np.zeros(0, dtype=np.int64), np.zeros(0))


async def spelt_right(
    database: Database, workspace_id: str, question: Question, snapshot: Snapshot
) -> tuple[Question, npt.NDArray[np.float64]]:
    """The question with what stands in for its unknown words, and how much each of its words counts. Of words
    that are known no postings are read but a few."""
    found = [
        _THERE if await _is_there(database, workspace_id, group, snapshot) else _NOWHERE
        for group in question.groups
    ]
    if all(len(at) for at, _ in found):
        return question, np.ones(len(found))
    right, _ = await mended(database, workspace_id, question, found, snapshot)
    changed = [one != other for one, other in zip(right.groups, question.groups, strict=True)]
    return right, np.where(changed, LESS, 1.0)


async def _is_there(
    database: Database, workspace_id: str, terms: tuple[str, ...], snapshot: Snapshot
) -> bool:
    """Whether a passage of the snapshot has one of them: what may not be seen does not count."""
    numbers: list[int] = []
    for sql, values in listed(_HAVING, terms, 3):
        rows = await database.fetch(sql, workspace_id, _LOOKED_AT, *values)
        numbers += [int(row[0]) for row in rows]
    if np.isin(numbers, snapshot.rows).any():
        return True
    if len(numbers) < _LOOKED_AT:
        return False
    at, _ = await loading.postings(database, workspace_id, terms, snapshot)
    return bool(len(at))
