"""What histories cost: those that are stored, long ones, interrupted ones, and wide ones."""

from benchmarks.engine_history.stored import levels
from benchmarks.figures import Figure, Sheet, Trial, run
from benchmarks.harness import Contestant
from benchmarks.targets import databases, folders

ABOUT = """
`stored`: runs of ten steps on PostgreSQL beside a thousand, a hundred thousand and a million ended runs
of one step each, which are copies, made with SQL, of a hundred that the engine ran. The time of a run is the
median of runs one at a time, the server's part included; CPU is our process's own, with fifty at once. Both
should stay within one and a half times. `start` is how long an engine takes until it is ready.

`resume`: a run with ten thousand events (a map of five thousand items) that waits is claimed and folded as
its next owner does it: from its snapshot, and, by naming no version of the fold, from its first event.
Building it is not counted.

`recovery`: a worker with five hundred runs under way, each in a step of a second, is killed; another, idle,
takes them over when the lease of 3 s has run out. `owned`: until none is without a living owner. `ended`:
until all have ended, their remaining steps of a second included.

`fan_out`: one task with a run for each of ten thousand items, fifty at once, a step each. The engine is alone
with its store; `peak` is the whole process's memory, `added` what came during the map.
"""

HERE = "benchmarks.engine_history"
N_STORED, QUICK_STORED = 1_000_000, 5_000


def _stored() -> tuple[Figure, ...]:
    shown: list[Figure] = []
    for place, level in enumerate(levels(N_STORED)):
        beside = f"beside {level:,} runs"
        shown += [
            Figure(name=f"ms_{place}", unit="ms/run", what=f"{beside}: a run alone, median"),
            Figure(name=f"cpu_{place}", unit="µs/step", what=f"{beside}: CPU of our process"),
            Figure(name=f"rate_{place}", unit="steps/s", what=f"{beside}: fifty at once"),
            Figure(name=f"start_{place}", unit="s", what=f"{beside}: start"),
        ]
    return (
        *shown,
        Figure(name="ms_ratio", unit="×", what="time of a run, most to least stored", most=1.5),
        Figure(name="cpu_ratio", unit="×", what="CPU of a step, most to least stored", most=1.5),
    )


STORED = Trial(
    name="stored",
    contestant=Contestant(name="flowmatik", module=f"{HERE}.stored"),
    n=N_STORED,
    quick_n=QUICK_STORED,
    full={"alone": 2_000, "steps": 10_000},
    quick={"alone": 200, "steps": 500},
    prepare=databases,
    shown=_stored(),
)
RESUME = Trial(
    name="resume",
    contestant=Contestant(name="flowmatik", module=f"{HERE}.resume", options={"store": "postgres"}),
    n=10_000,
    quick_n=600,
    prepare=databases,
    shown=(
        Figure(name="events", unit="events", what="the run's history"),
        Figure(name="with_events", unit="events", what="read, with a snapshot"),
        Figure(name="with_ms", unit="ms", what="until the state is there, with a snapshot"),
        Figure(name="without_events", unit="events", what="read, without"),
        Figure(name="without_ms", unit="ms", what="until the state is there, without"),
    ),
)
RECOVERY = Trial(
    name="recovery",
    contestant=Contestant(name="flowmatik", module=f"{HERE}.recovery"),
    n=500,
    quick_n=50,
    prepare=databases,
    shown=(
        Figure(name="taken_over", unit="runs", what="taken over"),
        Figure(name="owned", unit="s", what="killed, until all are owned again"),
        Figure(name="ended", unit="s", what="killed, until all have ended"),
    ),
)


def _fan_out(store: str) -> Trial:
    return Trial(
        name=f"fan_out_{store}",
        contestant=Contestant(name="flowmatik", module=f"{HERE}.fanout", options={"store": store}),
        n=10_000,
        quick_n=300,
        prepare=databases if store == "postgres" else folders,
        shown=(
            Figure(name="rate", unit="items/s", what="items"),
            Figure(name="peak", unit="MiB", what="peak memory"),
            Figure(name="added", unit="MiB", what="of that, added by the map"),
        ),
    )


SHEET = Sheet(
    name="engine_history",
    title="Histories: many, long, interrupted and wide",
    about=ABOUT,
    trials=(STORED, RESUME, RECOVERY, _fan_out("sqlite_full"), _fan_out("postgres")),
)


def main(arguments: list[str]) -> int:
    return run(SHEET, arguments)
