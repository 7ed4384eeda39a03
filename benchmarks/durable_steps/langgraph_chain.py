"""LangGraph: a chain of ten nodes, a checkpoint after each (durability="sync"), its own savers."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.durable_steps.load import AT_ONCE, PAYLOAD, STEPS, OneRun, steps_per_second

Result = dict[str, Any]


class State(TypedDict, total=False):
    """A channel per step, so that every result is kept, as ours keeps it."""

    r0: Result
    r1: Result
    r2: Result
    r3: Result
    r4: Result
    r5: Result
    r6: Result
    r7: Result
    r8: Result
    r9: Result


def chain(saver: BaseCheckpointSaver[Any]) -> Any:
    graph: Any = StateGraph(State)  # its own types are unknown in part
    for n in range(STEPS):
        graph.add_node(f"s{n}", _node(n))
        graph.add_edge(f"s{n - 1}" if n else START, f"s{n}")
    graph.add_edge(f"s{STEPS - 1}", END)
    return graph.compile(checkpointer=saver)


def _node(n: int) -> Any:
    async def work(state: State) -> dict[str, Any]:
        return {f"r{n}": {"n": n, "data": PAYLOAD}}

    return work


@asynccontextmanager
async def _saver(job: dict[str, Any]) -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    store = str(job["store"])
    if store == "postgres":
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        pool: Any = AsyncConnectionPool(
            job["target"], min_size=4, max_size=AT_ONCE, kwargs=options, open=False
        )
        async with pool:
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
            yield saver
        return
    async with aiosqlite.connect(Path(job["target"]) / "langgraph.db") as connection:
        await connection.execute(f"PRAGMA synchronous = {store.removeprefix('sqlite_')}")
        sqlite = AsyncSqliteSaver(connection)
        await sqlite.setup()
        yield sqlite


@asynccontextmanager
async def runner(job: dict[str, Any]) -> AsyncGenerator[OneRun]:
    """Runs the chain once, in a new thread of LangGraph's; `threads` begins the names of those."""
    numbers = itertools.count()
    async with _saver(job) as saver:
        graph = chain(saver)

        async def one_run() -> None:
            thread = f"{job.get('threads', '')}{next(numbers)}"
            config = {"configurable": {"thread_id": thread}}
            state = await graph.ainvoke({}, config, durability="sync")
            if len(state) != STEPS:
                raise AssertionError(f"the chain ended with {len(state)} of {STEPS} results")

        yield one_run


async def measure(job: dict[str, Any]) -> dict[str, float]:
    async with runner(job) as one_run:
        return await steps_per_second(job, one_run)
