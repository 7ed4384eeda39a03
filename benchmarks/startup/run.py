"""How soon the command line answers, and what a server at rest holds."""

from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.targets import folders, nothing

MODULE = "benchmarks.startup.ours"
ABOUT = """
`version`: wall time of `flowmatik --version`, the median of twenty; `python_alone` starts the interpreter
and does nothing. `at_rest`: resident memory of one process with every part of the platform running on
SQLite, no run and no document in it; the embedding model is loaded at its first use and not counted.
"""

BENCHMARK = Benchmark(
    name="startup",
    title="Start and rest",
    about=ABOUT,
    cases=(
        Case(
            name="version",
            unit="ms",
            n=20,
            quick_n=20,
            contestants=(
                Contestant(name="flowmatik", module=MODULE, options={"what": "version"}),
                Contestant(name="python_alone", module=MODULE, options={"what": "python"}),
            ),
            prepare=nothing,
            higher_is_better=False,
        ),
        Case(
            name="at_rest",
            unit="MiB",
            n=1,
            quick_n=1,
            contestants=(Contestant(name="flowmatik", module=MODULE, options={"what": "rest"}),),
            prepare=folders,
            higher_is_better=False,
        ),
    ),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
