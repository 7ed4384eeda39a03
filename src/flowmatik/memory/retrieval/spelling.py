"""Words of a question that nothing here has, mended: the words of the vocabulary that are spelt nearly as
they are stand in, and count less.

Only words of some length that no passage in reach has, so that a question spelt right is never touched. The
vocabulary that is read is that of the workspace, but only words that a passage in the snapshot has stand in:
one of what may not be seen, however like the question's, takes nobody's place and is not found either.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.memory import loading
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.words import Words, words_of

LESS = 0.5  # what a word that stands in counts of its own weight
SHORTEST = 5  # signs of a stem: shorter ones are like too many others
LONG = 8  # signs from which on two mistakes are one
MOST = 4  # words that stand in for one
MOST_MENDED = 4  # words of one question
MOST_READ = 20_000  # words of the vocabulary with the same beginning

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]

# From one word to the next along the index: all rows of a frequent word are skipped at once.
_VOCABULARY = (
    "SELECT v.term FROM (WITH RECURSIVE t(term) AS (SELECT min(p.term) FROM memory_postings p"
    " WHERE p.workspace_id = $1 AND p.term >= $2 UNION ALL SELECT (SELECT min(p.term) FROM memory_postings p"
    " WHERE p.workspace_id = $1 AND p.term > t.term) FROM t WHERE t.term < $3)"
    " SELECT term FROM t LIMIT CAST($4 AS INTEGER)) v WHERE v.term >= $2 AND v.term < $3"
)


async def mended(
    database: Database,
    workspace_id: str,
    question: Question,
    found: Sequence[Found],
    snapshot: Snapshot,
) -> tuple[Question, Words]:
    """The question with what stands in among its words, and its words here."""
    groups, places, trust = list(question.groups), list(found), np.ones(len(found))
    unknown = [row for row, (at, _) in enumerate(found) if not len(at)]
    for row in unknown[:MOST_MENDED] if len(snapshot.rows) else ():
        near = [one for term in groups[row] for one in await _near(database, workspace_id, term, snapshot)]
        if near:
            stands_in = tuple(dict.fromkeys(near))
            at, often = await loading.postings(database, workspace_id, stands_in, snapshot)
            if len(at):
                groups[row], places[row], trust[row] = stands_in, (at, often), LESS
    words = words_of(places, snapshot.lengths)
    if (trust == 1.0).all():
        return question, words
    return replace(question, groups=tuple(groups)), replace(words, weights=words.weights * trust)


async def _near(database: Database, workspace_id: str, term: str, snapshot: Snapshot) -> Sequence[str]:
    """The terms of the same language and first letter that are spelt most like it, of those in the
    snapshot."""
    code, _, stem = term.partition(":")
    if len(stem) < SHORTEST or not stem.isalpha():
        return ()
    first, beyond = f"{code}:{stem[0]}", f"{code}:{chr(ord(stem[0]) + 1)}"
    rows = await database.fetch(_VOCABULARY, workspace_id, first, beyond, MOST_READ)
    words = [str(row[0]).partition(":")[2] for row in rows]
    for alike in await asyncio.to_thread(nearest, stem, words, code):  # thousands of words are compared
        there: list[str] = []
        for one in alike:
            at, _ = await loading.postings(database, workspace_id, (one,), snapshot)
            there += [one] if len(at) else []
            if len(there) == MOST:
                break
        if there:
            return there
    return ()


def nearest(stem: str, vocabulary: Sequence[str], code: str) -> Sequence[Sequence[str]]:
    """As terms of that language: those with the fewest mistakes, then those with one more."""
    most = 2 if len(stem) >= LONG else 1
    by: dict[int, list[str]] = {}
    for one in vocabulary:
        if one != stem and abs(len(one) - len(stem)) <= most and one.isalpha():
            mistakes = distance(stem, one, most)
            if mistakes <= most:
                by.setdefault(mistakes, []).append(f"{code}:{one}")
    return [by[mistakes] for mistakes in sorted(by)]


def distance(one: str, other: str, most: int) -> int:
    """Signs added, left out, changed, or changed with their neighbour; `most + 1` for what is more.

    Source: optimal string alignment (Damerau 1964)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            value = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                value = min(value, last[j - 2] + 1)
            row.append(value)
        if min(row) > most and (not before or min(before) > most):
            return most + 1
    return min(row[-1], most + 1)
