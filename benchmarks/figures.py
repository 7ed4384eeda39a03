"""Benchmarks of ours alone that measure many different things: a line or a table row for each figure.

Such a benchmark is a list of `Trial`s, each a module with `async def measure(job) -> dict[str, float]` that
is run in a process of its own; `shown` says which of its numbers are figures, in what unit, and what each
should stay below.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks import report
from benchmarks.harness import Contestant, Failed, Fresh, Job, measure
from benchmarks.machine import describe

TRIAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`name` is the key of what `measure` returns. `most`: it should be no higher."""

    name: str
    unit: str
    what: str
    most: float | None = None

    def judged(self, value: float) -> str:
        if self.most is None:
            return ""
        return f"≤ {self.most:g}: " + ("met" if value <= self.most else f"missed ({value:.4g})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`prepare` as in `harness.Case`. Without what its contestant needs it is left out; stderr says so."""

    name: str
    contestant: Contestant
    n: int
    quick_n: int
    shown: tuple[Figure, ...]
    prepare: Any  # () -> AbstractContextManager[Fresh]
    full: Job = field(default_factory=lambda: {})  # more that the job says …
    quick: Job = field(default_factory=lambda: {})  # … and what it says instead with --quick

    def opened(self) -> AbstractContextManager[Fresh]:
        made: AbstractContextManager[Fresh] = self.prepare()
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    name: str
    title: str
    about: str
    trials: tuple[Trial, ...]


def run(sheet: Sheet, arguments: Sequence[str]) -> int:
    """Measure each trial once and print; a full run of all rewrites the section of docs/benchmarks.md."""
    options = _options(sheet, arguments)
    rows: list[str] = []
    whole = True
    for trial in sheet.trials:
        if options.case not in ("", trial.name):
            continue
        n = options.n or (trial.quick_n if options.quick else trial.n)
        if missing := trial.contestant.missing():
            print(f"{trial.name}: left out, not installed: {', '.join(missing)}", file=sys.stderr)
            whole = False
            continue
        try:
            with trial.opened() as fresh, fresh() as target:
                job: Job = {**target, "n": n, **(trial.quick if options.quick else trial.full)}
                measured = measure(trial.contestant, job, TRIAL_SECONDS)
        except Failed as error:
            print(f"{trial.name}: {error}", file=sys.stderr)
            return 1
        rows += [_shown(sheet, trial, n, figure, measured, options.json) for figure in trial.shown]
    if whole and not (options.quick or options.case or options.n):
        _document(sheet, rows)
    return 0


def _shown(
    sheet: Sheet, trial: Trial, n: int, figure: Figure, measured: Mapping[str, float], as_json: bool
) -> str:
    """Prints the figure; the row of the table."""
    value = float(f"{measured[figure.name]:.5g}")
    goal = figure.judged(value)
    case = f"{trial.name}.{figure.name}"
    if as_json:
        line: dict[str, Any] = {
            "bench": sheet.name,
            "case": case,
            "n": n,
            "ours": value,
            "unit": figure.unit,
            "peers": {},
        }
        print(json.dumps(line), flush=True)
    else:
        print(f"{case:44} {value:>14,.5g} {figure.unit:12} {goal}", flush=True)
    return f"| `{trial.name}` | {n:,} | {figure.what} | {value:,.5g} {figure.unit} | {goal} |"


def _document(sheet: Sheet, rows: Sequence[str]) -> None:
    head = ["| trial | n | what | measured | goal |", "|---|---:|---|---:|---|"]
    facts = f"Measured on {datetime.now(UTC).date().isoformat()}: {describe()}. One round."
    body = "\n\n".join((sheet.about.strip(), facts, "\n".join((*head, *rows))))
    report.write_section(sheet.name, sheet.title, body)


def _options(sheet: Sheet, arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {sheet.name}", description=sheet.title)
    parser.add_argument("--quick", action="store_true", help="far less of everything")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--case", default="", choices=["", *(trial.name for trial in sheet.trials)])
    parser.add_argument("--n", type=int, default=0, help="another n than the trial's own")
    parser.add_argument("--rounds", type=int, default=1, help="accepted and ignored: there is one")
    return parser.parse_args(arguments)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
