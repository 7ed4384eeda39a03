"""A million waiting runs on PostgreSQL: what they hold, and how soon they go on when they are woken."""

from functools import partial

from benchmarks.figures import Figure, Sheet, Trial, run
from benchmarks.harness import Contestant
from benchmarks.targets import databases

ABOUT = """
Runs of two steps, of which the first waits: half of them for a time ten years off, half for a signal. Four
hundred are created and parked by the engine, the others are copies of their rows made with SQL (the events,
heads and timers are those that the engine writes, under ids of their own); creating a million through it
takes an hour, and the rate says how long. A scheduler and a worker run in processes of their own; `empty` is
their memory on the same database before, after the same work.

Then some are woken, by timers that are brought forward and by signals through a gateway: at a steady 200 a
second, and all at once. Latency is from the due time, or from just before the signal is sent, to the commit
of the fact that ended the wait (the server keeps the times of commits). `gone on`: until the last of a burst
was so far; `ended`: until the last had done its second step as well. Everything shares the machine's cores.

`dbos`: a workflow that waits in `recv` is a task in the memory of its process, so that far fewer are
measured; they are woken by `send`, fifty at a time, as fast as that goes.
"""

STAMPED = partial(databases, "-c track_commit_timestamp=on")


def _wakes(name: str, kind: str, what: str) -> tuple[Figure, ...]:
    begun = f"{name}_{kind}"
    most = 250.0 if kind == "steady" else None
    spread = (
        Figure(name=f"{begun}_p50", unit="ms", what=f"{what}: median latency"),
        Figure(name=f"{begun}_p99", unit="ms", what=f"{what}: 99 % within", most=most),
    )
    if kind == "steady":
        return spread
    return (
        *spread,
        Figure(name=f"{begun}_on", unit="s", what=f"{what}: until all had gone on"),
        Figure(name=f"{begun}_ended", unit="s", what=f"{what}: until all had ended"),
    )


PARKED = Trial(
    name="parked",
    contestant=Contestant(
        name="flowmatik",
        module="benchmarks.engine_waits.ours",
    ),
    n=1_000_000,
    quick_n=5_000,
    full={"rate": 200, "seconds": 20, "burst": 10_000},
    quick={"rate": 100, "seconds": 5, "burst": 1_000},
    prepare=STAMPED,
    shown=(
        Figure(name="empty_worker_mib", unit="MiB", what="worker, nothing parked"),
        Figure(name="worker_mib", unit="MiB", what="worker, all parked"),
        Figure(name="empty_scheduler_mib", unit="MiB", what="scheduler, nothing parked"),
        Figure(name="scheduler_mib", unit="MiB", what="scheduler, all parked"),
        Figure(name="empty_idle", unit="% of a core", what="both at rest, nothing parked"),
        Figure(name="idle", unit="% of a core", what="both at rest, all parked"),
        Figure(name="start_seconds", unit="s", what="until scheduler and worker are ready, all parked"),
        Figure(name="runs_mib", unit="MiB", what="table `runs` with its indexes"),
        Figure(name="run_events_mib", unit="MiB", what="table `run_events` with its index"),
        Figure(name="timers_mib", unit="MiB", what="table `timers` with its indexes"),
        Figure(name="run_kib", unit="KiB", what="all of it, for each run"),
        Figure(name="parked_rate", unit="runs/s", what="created and parked by the engine"),
        Figure(name="cloned_seconds", unit="s", what="copying the others (set-up)"),
        *_wakes("timers", "steady", "timers, 200 a second"),
        *_wakes("timers", "burst", "10,000 timers at once"),
        *_wakes("signals", "steady", "signals, 200 a second"),
        *_wakes("signals", "burst", "10,000 signals at once"),
    ),
)

DBOS = Trial(
    name="dbos",
    contestant=Contestant(name="dbos", module="benchmarks.engine_waits.dbos_receive", needs=("dbos",)),
    n=2_000,
    quick_n=200,
    prepare=databases,
    shown=(
        Figure(name="waiting_kib", unit="KiB", what="DBOS: memory of a waiting workflow"),
        Figure(name="parked_rate", unit="runs/s", what="DBOS: begun, until they wait"),
        Figure(name="p50", unit="ms", what="DBOS: all sent to at once, median latency"),
        Figure(name="p99", unit="ms", what="DBOS: all sent to at once, 99 % within"),
        Figure(name="on", unit="s", what="DBOS: all sent to at once, until all had gone on"),
    ),
)

SHEET = Sheet(name="engine_waits", title="A million waiting runs", about=ABOUT, trials=(PARKED, DBOS))


def main(arguments: list[str]) -> int:
    return run(SHEET, arguments)
