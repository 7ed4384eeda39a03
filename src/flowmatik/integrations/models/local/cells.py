"""Rows of tables as answers: which row is of the thing asked for, and what of it was asked."""

import re

from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.words import flat, terms

# What stands behind one of these in a cell is what the row is not of.
_SAVE = re.compile(
    r"\b(?:except|excluding|other than|but not|without|salvo|excepto|menos|excluid[oa]s?|sin)\b"
)
_DESCRIBED = re.compile(r"\b(?:column|field|attribute|variable|columna|campo|atributo)s?\b")
ELSEWHERE = 0.6  # what a thing's name is worth in a column that is not the first


def focused(one: Candidate, words: frozenset[str], language: str) -> str:
    """The row as it is read for a question of `words`: its first cell, and those below a column that the
    question names, or all when it names none."""
    said = [_cell(one, n) for n in range(len(one.row))]
    asked = [n for n in range(1, len(one.row)) if _named(one, n, words, language)]
    mine = [n for n in range(len(one.row)) if n == 0 or n in asked or terms(one.row[n], language) & words]
    return "; ".join(said[n] for n in (mine if asked else range(len(said))) if said[n])


def has_column(one: Candidate, words: frozenset[str], language: str) -> bool:
    """Whether the question names one of its columns, and the row has something there."""
    return any(one.row[n].strip(" -–—") and _named(one, n, words, language) for n in range(1, len(one.row)))


def has_figure(one: Candidate, words: frozenset[str], language: str) -> bool:
    """Whether what it has there is a figure."""
    columns = (n for n in range(1, len(one.row)) if _named(one, n, words, language))
    return any(c.isdigit() for n in columns for c in one.row[n])


def _named(one: Candidate, n: int, words: frozenset[str], language: str) -> bool:
    """Words that another cell of the row has are its thing's, not a column's."""
    if n >= len(one.header):
        return False
    others = frozenset[str]().union(*(terms(cell, language) for cell in one.row))
    return bool(terms(one.header[n], language) & (words - others))


def _cell(one: Candidate, n: int) -> str:
    name = one.header[n] if n < len(one.header) else ""
    return f"{name}: {one.row[n]}" if name else one.row[n]


def keyed(one: Candidate, words: frozenset[str], language: str) -> float:
    """How far, 0 to 1, one of its cells names just what the question does."""
    best = 0.0
    for n, cell in enumerate(one.row):
        positive, negative = _parts(cell)
        mine = terms(positive, language)
        if terms(negative, language) & words or not mine:
            continue
        best = max(best, len(mine & words) / len(mine) * (1.0 if n == 0 else ELSEWHERE))
    return best


def denies(one: Candidate, words: frozenset[str], language: str) -> bool:
    """Whether a cell says that the row is not of what the question names."""
    return any(terms(_parts(cell)[1], language) & words for cell in one.row)


def _parts(cell: str) -> tuple[str, str]:
    cut = _SAVE.search(flat(cell))
    return (cell[: cut.start()], cell[cut.end() :]) if cut else (cell, "")


def describes_columns(one: Candidate) -> bool:
    """A row of a dictionary of columns tells of data, and none of the data."""
    return bool(one.header) and _DESCRIBED.match(flat(one.header[0])) is not None
