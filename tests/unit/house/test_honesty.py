"""The program does not know the demonstration: what it answers there it must find there.

Looked for in every text file under src: the goals as a person types them, the file names of the
documents and tables, the company's name, and the columns whose names consist of several words.
`…_at` columns are left out, being everybody's idiom for a moment.
"""

import csv
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.unit.house.repository import EXAMPLES, ROOT, source_texts

COMPANY = "Brezo"


def squeezed(text: str) -> str:
    """Lower case, any white space or line break of the source as one space."""
    return re.sub(r"[\s\"'\\]+", " ", text).casefold()


def goals() -> list[str]:
    document = yaml.safe_load((EXAMPLES / "goals.yaml").read_text(encoding="utf-8"))
    return [goal["goal"] for goal in document["goals"]]


def files() -> list[Path]:
    """Without the pages that say what a folder holds."""
    found = (p for p in EXAMPLES.rglob("*") if p.is_file() and p.parent != EXAMPLES)
    return sorted(p for p in found if not p.name.startswith("README."))


def columns() -> set[str]:
    found: set[str] = set()
    for path in EXAMPLES.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as table:
            found |= set(next(csv.reader(table)))
    return {name for name in found if "_" in name and not name.endswith("_at")}


@cache
def forbidden() -> set[str]:
    """Everything that must not occur, squeezed."""
    names = {path.name for path in files()} | {path.stem for path in files() if re.search(r"[-_]", path.stem)}
    parts = {part for goal in goals() for part in re.split(r"[,;:?¿]", goal) if len(part) >= 30}
    return {squeezed(text).strip() for text in {*names, *goals(), *parts, *columns(), COMPANY}}


def revealed(text: str) -> set[str]:
    plain = squeezed(text)
    near = (name for name in forbidden() if name in plain)
    return {name for name in near if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain)}


def test_nothing_of_the_examples_stands_in_the_source() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in source_texts()
        if (names := revealed(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        'TABLE = "orders.csv"',
        'if column == "unit_price_eur":',
        "# as in warranty-policy-2026",
        'GOAL = ("Which three products had the highest "\n        "total quantity ordered in 2025?")',
        "company = 'BREZO cargo'",
    ],
)
def test_a_planted_example_would_be_found(planted: str) -> None:
    assert revealed(planted)


def test_ordinary_source_reveals_nothing() -> None:
    assert revealed("opened_at = clock.now()  # the orders of a customer, by product and country") == set()
