"""Runs a benchmark: contestants by turns, each in a process of its own, medians of the rounds.

A benchmark is a folder with a run.py that offers `main(arguments) -> int`; most build a `Benchmark`
and hand it to `run`. Nothing here keeps a result: every line printed was measured just now.
"""

import argparse
import importlib.metadata
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import report

Main = Callable[[list[str]], int]
Job = Mapping[str, Any]
Fresh = Callable[[], AbstractContextManager[Job]]

ROOT = Path(__file__).resolve().parents[1]
QUICK_SECONDS = 44.0  # --quick must end within 50 s, start-up and clearing away included
RESERVED_SECONDS = 2.0  # of those, kept for each contestant of a later case
FULL_SECONDS = 600.0
FULL_ROUNDS = 5
VALUE = "value"
PEERS_HINT = "install the peers with `just setup-bench`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`module` has `async def measure(job) -> Mapping[str, float]` whose `value` is compared.
    `needs` are distributions, `lacks` names what else is not installed; without one of them the contestant
    is left out, and stderr says so."""

    name: str
    module: str
    needs: tuple[str, ...] = ()
    options: Job = field(default_factory=lambda: {})
    lacks: Callable[[], list[str]] = field(default=lambda: [])

    def missing(self) -> list[str]:
        return [name for name in self.needs if not _installed(name)] + self.lacks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`prepare` opens what the case needs (a server, a folder) and yields `fresh`, which yields a
    new, empty target for every single measurement. The first contestant is ours. `parts` names what
    else ours measures on the way, with its unit; each becomes a line of its own, `case.part`. `goals`
    say how many times a contestant's figure ours should reach, or stay below where lower is better. `also`:
    what every contestant measures on the way, by its name in the measurement; each becomes a case of its own,
    with that name and unit, and the goals of this one."""

    name: str
    unit: str
    n: int
    quick_n: int
    contestants: tuple[Contestant, ...]
    prepare: Callable[[], AbstractContextManager[Fresh]]
    higher_is_better: bool = True
    parts: Mapping[str, str] = field(default_factory=lambda: {})
    goals: Mapping[str, float] = field(default_factory=lambda: {})
    also: Mapping[str, tuple[str, str]] = field(default_factory=lambda: {})

    def views(self) -> "dict[str, Case]":
        """By the name in the measurement: itself, and what is measured with it."""
        others = {
            key: replace(self, name=name, unit=unit, parts={}, also={})
            for key, (name, unit) in self.also.items()
        }
        return {VALUE: self, **others}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """`about` says in Markdown what is measured and what is not; it goes above the table. `rounds`: of a full
    run."""

    name: str
    title: str
    about: str
    cases: tuple[Case, ...]
    versions: tuple[str, ...] = ()
    rounds: int = FULL_ROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """All samples of a case by contestant, in the order of the rounds."""

    case: Case
    n: int
    samples: dict[str, list[float]]
    parts: dict[str, list[float]]

    @property
    def ours(self) -> str:
        return self.case.contestants[0].name

    def median(self, name: str) -> float:
        return _rounded(statistics.median(self.samples[name]))

    def lines(self, bench: str) -> list[dict[str, Any]]:
        """The JSON objects: the case itself, then its parts."""
        case, peers = self.case, {name: self.median(name) for name in self.samples if name != self.ours}
        whole = _line(bench, case.name, self.n, self.median(self.ours), case.unit, peers)
        parts = [
            _line(
                bench,
                f"{case.name}.{part}",
                self.n,
                _rounded(statistics.median(values)),
                case.parts[part],
                {},
            )
            for part, values in self.parts.items()
        ]
        return [whole, *parts]


def _line(
    bench: str, case: str, n: int, ours: float, unit: str, peers: Mapping[str, float]
) -> dict[str, Any]:
    return {"bench": bench, "case": case, "n": n, "ours": ours, "unit": unit, "peers": dict(peers)}


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


class Failed(Exception):
    """A contestant's process did not deliver a measurement; the message says why."""


def measure(contestant: Contestant, job: Job, seconds: float) -> Mapping[str, float]:
    """One measurement in a new process: `value`, and the parts that it knows. Raises Failed."""
    text = json.dumps({**job, **contestant.options})
    command = [sys.executable, "-m", "benchmarks.worker", contestant.module, text]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"no result within {seconds:.0f} s") from error
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def run(bench: Benchmark, arguments: Sequence[str]) -> int:
    """Measure, print, and in full mode rewrite the benchmark's section of docs/benchmarks.md."""
    options = _options(bench, arguments)
    deadline = time.monotonic() + (QUICK_SECONDS if options.quick else FULL_SECONDS * 20)
    cases = [case for case in bench.cases if options.case in ("", case.name)]
    _say_what_is_missing(cases)
    rounds = options.rounds or (1 if options.quick else bench.rounds)
    results: list[CaseResult] = []
    whole = True
    for place, case in enumerate(cases):
        later = sum(RESERVED_SECONDS * len(other.contestants) for other in cases[place + 1 :])
        found, complete = _run_case(case, rounds, options.quick, deadline - later)
        whole = whole and complete
        if not found:
            return 1
        results += found
        for result in found:
            _show(bench, result, options.json)
    if not options.quick and not options.case:
        _document(bench, results, rounds, whole)
    return 0


def _run_case(case: Case, rounds: int, quick: bool, deadline: float) -> tuple[list[CaseResult], bool]:
    """The results (none: ours failed), and whether every contestant took part in every round."""
    n = case.quick_n if quick else case.n
    present = [one for one in case.contestants if not one.missing()]
    complete = len(present) == len(case.contestants)
    views = case.views()
    samples: dict[str, dict[str, list[float]]] = {view: {} for view in views}
    parts: dict[str, list[float]] = {part: [] for part in case.parts}
    with case.prepare() as fresh:
        for turn in range(rounds):
            shift = turn % len(present)  # nobody always comes first, or after the same neighbour
            for contestant in present[shift:] + present[:shift]:
                ours = contestant is case.contestants[0]
                left = deadline - time.monotonic()
                if left < 1 and not ours:
                    _note(case, contestant, "left out: the time of --quick is used up")
                    complete = False
                    continue
                try:
                    with fresh() as target:
                        limit = max(left, 10) if quick else FULL_SECONDS
                        measured = measure(contestant, {**target, "n": n}, limit)
                except Failed as error:
                    _note(case, contestant, str(error))
                    complete = False
                    if ours:
                        return [], False
                else:
                    for view, kept in samples.items():
                        kept.setdefault(contestant.name, []).append(measured[view])
                    for part in parts if ours else ():
                        parts[part].append(measured[part])
    names = [one.name for one in case.contestants]
    results = [
        CaseResult(
            case=seen,
            n=n,
            samples={name: samples[view][name] for name in names if name in samples[view]},
            parts=parts if view == VALUE else {},
        )
        for view, seen in views.items()
    ]
    return results, complete


def _options(bench: Benchmark, arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {bench.name}", description=bench.title)
    parser.add_argument("--quick", action="store_true", help="less work, one round, under 50 s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--case", default="", choices=["", *(case.name for case in bench.cases)])
    parser.add_argument("--rounds", type=int, default=0, help=f"default {bench.rounds}, 1 with --quick")
    return parser.parse_args(arguments)


def _document(bench: Benchmark, results: Sequence[CaseResult], rounds: int, whole: bool) -> None:
    if not whole or rounds < bench.rounds:
        print(
            f"docs/benchmarks.md is left as it is: that takes every contestant and {bench.rounds} rounds",
            file=sys.stderr,
        )
        return
    tables = [
        report.Table(
            case=result.case.name,
            unit=result.case.unit,
            n=result.n,
            higher_is_better=result.case.higher_is_better,
            samples=result.samples,
            goals=result.case.goals,
            parts={f"{part}, {result.case.parts[part]}": values for part, values in result.parts.items()},
        )
        for result in results
    ]
    body = report.section(bench.about, tables, rounds, bench.versions)
    report.write_section(bench.name, bench.title, body)


def _show(bench: Benchmark, result: CaseResult, as_json: bool) -> None:
    if as_json:
        for line in result.lines(bench.name):
            print(json.dumps(line), flush=True)
        return
    print(f"{bench.name} · {result.case.name} · n={result.n} · {result.case.unit}", flush=True)
    shown = [*result.samples.items(), *((f"· {part}", values) for part, values in result.parts.items())]
    for name, values in shown:
        middle = statistics.median(values)
        print(f"  {name:24} {middle:>12,.5g}   ({min(values):,.5g} to {max(values):,.5g})", flush=True)


def _say_what_is_missing(cases: Sequence[Case]) -> None:
    missing = {name: one.name for case in cases for one in case.contestants for name in one.missing()}
    if missing:
        lacking = ", ".join(f"{name} (for {peer})" for name, peer in sorted(missing.items()))
        print(f"not installed: {lacking}; those are left out. {PEERS_HINT.capitalize()}", file=sys.stderr)


def _note(case: Case, contestant: Contestant, what: str) -> None:
    print(f"{case.name}: {contestant.name}: {what}", file=sys.stderr, flush=True)


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
