"""Rows of tables, Markdown's and CSV's: their cells, and the row as a person reads it."""

import csv
import re
from collections import Counter

_RULE = re.compile(r"[|\s:-]+")
_BLANK = ("", "-", "–", "—")


def is_csv(source: str) -> bool:
    return source.lower().endswith((".csv", ".tsv"))


def is_rule(line: str) -> bool:
    """The line of dashes below a Markdown table's header."""
    return _RULE.fullmatch(line) is not None


def cells(line: str, delimiter: str) -> tuple[str, ...]:
    """Without marks of emphasis and code, which are for the eye."""
    if delimiter == "|":
        found = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
    else:
        found = next(csv.reader([line], delimiter=delimiter), list[str]())
    return tuple(" ".join(cell.replace("**", "").replace("`", "").split()) for cell in found)


def delimiter_of(header: str) -> str:
    outside = re.sub(r'"[^"]*"', "", header)
    counts = Counter(sign for sign in outside if sign in ";,\t|")
    return counts.most_common(1)[0][0] if counts else ","


def readable(header: tuple[str, ...], row: tuple[str, ...], limit: int) -> str:
    """`Column: value; Column: value`, as many cells as fit."""
    said = ""
    for n, value in enumerate(row):
        if value in _BLANK:
            continue
        name = header[n] if n < len(header) else ""
        part = f"{name}: {value}" if name else value
        longer = f"{said}; {part}" if said else part
        if len(longer) > limit - 2:
            return f"{said} …" if said else part[: limit - 2] + " …"
        said = longer
    return said
