"""Steps per second with one, two and four worker processes over PostgreSQL and Redis."""

from benchmarks.engine_scale.restate_chain import lacking
from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.targets import databases

ABOUT = """
The load of `durable_steps`, through the whole path of a cluster: a gateway creates the runs, a scheduler
chooses and offers them over Redis, worker processes claim and drive them, and the gateway hears of their
ends. PostgreSQL runs with fsync and synchronous_commit on; Redis keeps nothing on disk. Gateway and
scheduler share a process, which also measures; it and the workers share the machine's cores with
PostgreSQL, so that on two cores more workers cannot be faster.

- `dbos`: the same workflow, started through a DBOS queue with its default polling, in one process.
- `restate`: a handler of ten `ctx.run`, called through the ingress of a single server on loopback, the
  handlers in as many processes as ours has workers. It writes to no PostgreSQL but to a log of its own
  (RocksDB), in which a step's result lies, with fsync (`rocksdb-disable-wal-fsync = false`), before the next
  begins: the same promise after a power cut on one machine. What is read from the log (its partition store)
  is not synced, for it can be made again. It keeps neither budgets nor an outbox. The client costs next to
  nothing (`ingress.py`): with httpx in its place Restate made half as many steps a day before.
- `langgraph`: ten nodes, `durability="sync"`, its PostgreSQL saver, in as many processes, which share the
  fifty runs. A process that dies is not noticed by the others: nothing hands its runs over.

`whole` is one machine as people begin with it: `flowmatik up --role all`, one process with gateway, scheduler
and worker over PostgreSQL, without Redis; beside one Restate server with one handler process, and a queue of
DBOS. Everything of ours goes over HTTP, as with Restate's ingress: the client creates the run (authenticated,
its plan checked and pinned to agents and tools, its goal looked at by guardrails), follows its events until
they end, and reads what became of it: three requests and some forty events for one answer of Restate. The
step is a skill of a folder of the home, called in a loop of its own, its schema looked at. The cases above
leave all that out, on both sides; DBOS is called within its process here as there.

`crowd` is what a run of a workspace takes that has no other, while another workspace has ten thousand runs
queued for the one worker: the slowest of twenty, one after the other; `alone` is the same without them.

`one` is the latency of one run of ten steps at a time, in milliseconds: ours through dispatch, with one
worker.
"""

OURS = "benchmarks.engine_scale.ours"
DBOS = "benchmarks.engine_scale.dbos_queue"
RESTATE = "benchmarks.engine_scale.restate_chain"
LANGGRAPH = "benchmarks.engine_scale.langgraph_processes"


def _peers(mode: str, workers: int) -> tuple[Contestant, ...]:
    options = {"workers": workers, "mode": mode}
    return (
        Contestant(name="dbos", module=DBOS, needs=("dbos",), options={"mode": mode}),
        Contestant(
            name="restate",
            module=RESTATE,
            needs=("restate-sdk", "hypercorn"),
            lacks=lacking,
            options=options,
        ),
        Contestant(
            name="langgraph",
            module=LANGGRAPH,
            needs=("langgraph", "langgraph-checkpoint-postgres", "psycopg"),
            options=options,
        ),
    )


def _case(workers: int) -> Case:
    return Case(
        name=f"workers_{workers}",
        unit="steps/s",
        n=2000,
        quick_n=300,
        contestants=(
            Contestant(name="flowmatik", module=OURS, options={"workers": workers}),
            *_peers("load", workers),
        ),
        prepare=databases,
        goals={"dbos": 15.0, "restate": 5.0} if workers == 1 else {},
    )


ONE = Case(
    name="one",
    unit="ms/run",
    n=200,
    quick_n=50,
    contestants=(
        Contestant(name="flowmatik", module=OURS, options={"workers": 1, "mode": "one"}),
        *_peers("one", 1),
    ),
    prepare=databases,
    higher_is_better=False,
)

WHOLE = Case(
    name="whole",
    unit="steps/s",
    n=2000,
    quick_n=300,
    contestants=(
        Contestant(name="flowmatik", module="benchmarks.engine_scale.whole"),
        *(peer for peer in _peers("load", 1) if peer.name != "langgraph"),
    ),
    prepare=databases,
)

CROWD = Case(
    name="crowd",
    unit="ms/run",
    n=20,
    quick_n=20,
    contestants=tuple(
        Contestant(name=name, module=OURS, options={"workers": 1, "mode": "crowd", "crowd": crowd})
        for name, crowd in (("flowmatik", 10_000), ("alone", 0))
    ),
    prepare=databases,
    higher_is_better=False,
)

BENCHMARK = Benchmark(
    name="engine_scale",
    title="Several worker processes",
    about=ABOUT,
    cases=(*(_case(workers) for workers in (1, 2, 4)), WHOLE, ONE, CROWD),
    versions=("dbos", "restate-sdk", "langgraph", "langgraph-checkpoint-postgres", "asyncpg", "redis"),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
