"""Words of a question that nothing here has, mended: the words of the vocabulary that are spelt nearly as
they are stand in, and count less.

Only words of some length that no passage in reach has, so that a question spelt right is never touched. The
vocabulary that is read is that of the workspace, but only words that a passage in the snapshot has stand in:
one of what may not be seen, however like the question's, takes nobody's place and is not found either.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.memory import loading
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.words import Words, words_of
from flowmatik.memory.vocabulary import Alike

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
        stands_in = await _standing_in(database, workspace_id, groups[row], snapshot)
        if stands_in:
            at, often = await loading.postings(database, workspace_id, stands_in, snapshot)
            if len(at):
                groups[row], places[row], trust[row] = stands_in, (at, often), LESS
    words = words_of(places, snapshot.lengths)
    if (trust == 1.0).all():
        return question, words
    return replace(question, groups=tuple(groups)), replace(words, weights=words.weights * trust)


async def _standing_in(
    database: Database, workspace_id: str, terms: Sequence[str], snapshot: Snapshot
) -> tuple[str, ...]:
    """For each of the terms those of the same language and first letter that are spelt most like it, of those
    in the snapshot."""
    known: dict[str, Alike] = {}
    for term in terms:
        stem = term.partition(":")[2]
        if len(stem) >= SHORTEST and stem.isalpha():
            known[term] = await _alike(database, workspace_id, term, snapshot)

    def compared() -> Mapping[str, Sequence[Sequence[str]]]:
        return {term: nearest(term, words) for term, words in known.items()}

    found: dict[str, None] = {}
    for candidates in (await asyncio.to_thread(compared)).values() if any(map(len, known.values())) else ():
        for alike in candidates:
            there = await _there(database, workspace_id, alike, snapshot)
            if there:
                found.update(dict.fromkeys(there))
                break
    return tuple(found)


async def _there(
    database: Database, workspace_id: str, terms: Sequence[str], snapshot: Snapshot
) -> Sequence[str]:
    """The first of the terms that passages of the snapshot have."""
    there: list[str] = []
    for one in terms:
        at, _ = await loading.postings(database, workspace_id, (one,), snapshot)
        there += [one] if len(at) else []
        if len(there) == MOST:
            break
    return there


async def _alike(database: Database, workspace_id: str, term: str, snapshot: Snapshot) -> Alike:
    """The words of the workspace with the term's language and first letter."""
    code, _, stem = term.partition(":")
    first, beyond = f"{code}:{stem[0]}", f"{code}:{chr(ord(stem[0]) + 1)}"
    found = snapshot.words.vocabulary.get(first)
    if found is None:
        rows = await database.fetch(_VOCABULARY, workspace_id, first, beyond, MOST_READ)
        found = await asyncio.to_thread(lambda: Alike(str(row[0]).partition(":")[2] for row in rows))
        snapshot.words.vocabulary.put(first, found)
    return found


def nearest(term: str, words: Alike) -> Sequence[Sequence[str]]:
    """As terms of its language: those with the fewest mistakes, then those with one more."""
    code, _, stem = term.partition(":")
    by: dict[int, list[str]] = {}
    for mistakes, one in words.near(stem, 2 if len(stem) >= LONG else 1):
        by.setdefault(mistakes, []).append(f"{code}:{one}")
    return list(by.values())
