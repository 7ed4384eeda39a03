"""docs/benchmarks.md: one section per benchmark, written by the full run of it and never by hand."""

import importlib.metadata
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python -m benchmarks NAME`, never by hand: each section by the full run of its benchmark,
on the machine that it names. Ratios travel between machines, absolute figures do not. Every value is
the median of the rounds, with the lowest and the highest beside it; contestants take turns within a
round, each in a new process on a new, empty store.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A case's samples by contestant, ours first; `goals` by contestant, as in `harness.Case`."""

    case: str
    unit: str
    n: int
    higher_is_better: bool
    samples: Mapping[str, Sequence[float]]
    parts: Mapping[str, Sequence[float]] = field(default_factory=lambda: {})
    goals: Mapping[str, float] = field(default_factory=lambda: {})


def section(about: str, tables: Sequence[Table], rounds: int, versions: Sequence[str]) -> str:
    """The Markdown of one benchmark: what, where, with which versions, and the medians."""
    today = datetime.now(UTC).date().isoformat()
    used = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    facts = f"Measured on {today}: {describe()}. {rounds} rounds." + (f" Versions: {used}." if used else "")
    return "\n\n".join([about.strip(), facts, *(_table(table) for table in tables)])


def _table(table: Table) -> str:
    ours, *_ = table.samples
    base = statistics.median(table.samples[ours])
    rows = [
        f"`{table.case}`, n = {table.n}, {table.unit}:\n",
        f"| | median | lowest to highest | {'ours is' if table.higher_is_better else 'ours costs'} | goal |",
        "|---|---:|---:|---:|---|",
    ]
    for name, values in table.samples.items():
        middle = statistics.median(values)
        compared = " " if name == ours else f" {base / middle:.3g}× it "
        spread = f"{_figure(min(values))} to {_figure(max(values))}"
        goal = _goal(table, name, base / middle)
        rows.append(f"| {name} | {_figure(middle)} | {spread} |{compared}| {goal} |")
    for part, values in table.parts.items():
        middle = statistics.median(values)
        spread = f"{_figure(min(values))} to {_figure(max(values))}"
        rows.append(f"| {ours}: {part} | {_figure(middle)} | {spread} | | |")
    return "\n".join(rows)


def _goal(table: Table, name: str, ratio: float) -> str:
    """What was aimed at, and by how much it was missed."""
    wanted = table.goals.get(name)
    if wanted is None:
        return ""
    sign, short = ("≥", wanted / ratio) if table.higher_is_better else ("≤", ratio / wanted)
    return f"{sign} {wanted:g}×: " + ("met" if short <= 1 else f"missed by a factor of {short:.3g}")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def write_section(name: str, title: str, body: str, page: Path | None = None) -> None:
    """Replace the section `name` of the page, or add it; the other sections stay as they are."""
    page = page or PAGE
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    block = f"<!-- benchmark {name} -->\n## {title}\n\n{body.strip()}\n<!-- end {name} -->\n"
    pattern = re.compile(
        rf"<!-- benchmark {re.escape(name)} -->\n.*?<!-- end {re.escape(name)} -->\n", re.DOTALL
    )
    replaced, times = pattern.subn(lambda _: block, text)
    page.write_text(replaced if times else f"{text.rstrip()}\n\n{block}", encoding="utf-8")
