"""Durable steps per second on every store."""

from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.targets import databases, folders, nothing

ABOUT = """
Runs of ten steps in a chain, each step a function that returns 1 KB at once, fifty runs at a time. A
step counts when its result is durable. Ours goes through the public interface and includes what the
others lack: the intent before each step, the fence, the outbox and the budget's rows.

- `langgraph`: a chain of ten nodes, `durability="sync"`, its SQLite and PostgreSQL savers.
- `dbos`: a workflow of ten steps, called directly, which is its faster mode.
- `insert_commit` and `group_commit`: the results alone, written by hand; the floor of the store, with
  no engine about it (PostgreSQL: 50 connections; SQLite: one writer).

`sqlite_full` and `sqlite_normal` set `PRAGMA synchronous` for everyone and leave everything else of a
peer as it ships. PostgreSQL runs with fsync and synchronous_commit on. `memory` makes nothing durable: it
shows what the engine itself costs. `cpu` is our process's own time, the server's not included.

Where our time goes: what a step costs in `memory` is Python of the engine (encoding and folding events,
decisions, one asyncio task for each call; a flat profile in which no function takes a tenth), and that alone
keeps it from the floors, which only insert rows.
"""

GOALS = {"postgres": {"dbos": 15.0, "group_commit": 0.3}, "sqlite_full": {"group_commit": 0.5}}
OURS = "benchmarks.durable_steps.ours"
FLOORS = "benchmarks.durable_steps.floors"


def contestants(store: str) -> tuple[Contestant, ...]:
    job = {"store": store}
    ours = Contestant(name="flowmatik", module=OURS, options=job)
    if store == "memory":
        return (ours,)
    saver = "langgraph-checkpoint-postgres" if store == "postgres" else "langgraph-checkpoint-sqlite"
    return (
        ours,
        Contestant(name="insert_commit", module=FLOORS, options={**job, "mode": "alone"}),
        Contestant(name="group_commit", module=FLOORS, options={**job, "mode": "group"}),
        Contestant(
            name="langgraph",
            module="benchmarks.durable_steps.langgraph_chain",
            needs=("langgraph", saver, "psycopg", "aiosqlite"),
            options=job,
        ),
        Contestant(
            name="dbos", module="benchmarks.durable_steps.dbos_workflow", needs=("dbos",), options=job
        ),
    )


def _case(store: str) -> Case:
    prepare = {"memory": nothing, "postgres": databases}.get(store, folders)
    return Case(
        name=store,
        unit="steps/s",
        n=2000,
        quick_n=500,
        contestants=contestants(store),
        prepare=prepare,
        parts={"cpu": "µs/step"},
        goals=GOALS.get(store, {}),
    )


BENCHMARK = Benchmark(
    name="durable_steps",
    title="Durable steps",
    about=ABOUT,
    cases=tuple(_case(store) for store in ("postgres", "sqlite_full", "sqlite_normal", "memory")),
    versions=("langgraph", "langgraph-checkpoint-postgres", "langgraph-checkpoint-sqlite", "dbos", "asyncpg"),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
