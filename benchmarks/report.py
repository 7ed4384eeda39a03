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
    """A case's samples by contestant, ours first."""

    case: str
    unit: str
    n: int
    higher_is_better: bool
    samples: Mapping[str, Sequence[float]]
    parts: Mapping[str, Sequence[float]] = field(default_factory=lambda: {})


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
        "| | median | lowest to highest | ours is |",
        "|---|---:|---:|---:|",
    ]
    for name, values in table.samples.items():
        middle = statistics.median(values)
        times = base / middle if table.higher_is_better else middle / base
        compared = " " if name == ours else f" {times:.3g}× it "
        rows.append(
            f"| {name} | {_figure(middle)} | {_figure(min(values))} to {_figure(max(values))} |{compared}|"
        )
    for part, values in table.parts.items():
        middle = statistics.median(values)
        rows.append(
            f"| {ours}: {part} | {_figure(middle)} | {_figure(min(values))} to {_figure(max(values))} | |"
        )
    return "\n".join(rows)


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
