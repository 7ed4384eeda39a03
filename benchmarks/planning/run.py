"""What it takes to plan: from a playbook to a plan, and from a plan to one that may run."""

from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.targets import nothing

MODULE = "benchmarks.planning.ours"
ABOUT = """
CPU time of one plan of `n` tasks in layers of ten, each of which needs all of the layer before. `validated`:
everything that is looked at before a plan runs (circles, needs, skills, rights, effects, estimates of cost
and time). `compiled`: a playbook with loops and sub-plans becomes such a plan. `both` is
what a run by a playbook costs before its first task. Medians of twenty.
"""


def _case(name: str) -> Case:
    return Case(
        name=name,
        unit="ms",
        n=200,
        quick_n=200,
        contestants=(Contestant(name="flowmatik", module=MODULE, options={"what": name}),),
        prepare=nothing,
        higher_is_better=False,
    )


BENCHMARK = Benchmark(
    name="planning",
    title="Planning",
    about=ABOUT,
    cases=tuple(_case(name) for name in ("validated", "compiled", "both")),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
