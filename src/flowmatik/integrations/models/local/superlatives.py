"""What "spent the most" and "the most expensive" measure: a column that the question need not name."""

import re
from dataclasses import dataclass

from flowmatik.integrations.models.local.lexicon import MEASURED, related
from flowmatik.integrations.models.local.sheets import Column, Reading, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """`adds`: what was spent over all rows of a thing; a price is that of one."""

    column: Column
    adds: bool


def measured(reading: Reading, span: tuple[int, int], table: Table) -> Measured | None:
    """The column that a verb of the question, or its superlative at `span`, measures, unless another one
    is named. The verb is taken out of what is left to read."""
    numeric = [c for c in table.columns if c.numeric and "id" not in c.words]
    words = re.findall(r"[a-z]+", reading.text)
    if any(related(word, part) for word in words for column in numeric for part in column.words):
        return None
    for pattern, nouns in MEASURED:
        match = re.search(rf"\b(?:{pattern})\b", reading.text)
        if match is None:
            continue
        adjective = match.start() < span[1] and match.end() > span[0]
        if adjective and not _is_row(reading.text, table):
            nouns = (*(noun for noun in nouns if noun != "amount"), "amount")
        column = next((c for noun in nouns for c in numeric if any(_is(noun, w) for w in c.words)), None)
        if column is not None:
            if not adjective:
                reading.cut(*match.span())
            return Measured(column=column, adds=not adjective)
    return None


def _is(noun: str, word: str) -> bool:
    return related(noun, word)


def _is_row(text: str, table: Table) -> bool:
    """Whether the thing is what the table's rows are."""
    return any(related(word, name) for word in re.findall(r"[a-z]+", text) for name in table.words)
