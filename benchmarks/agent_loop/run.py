"""CPU of an agent run: two model calls and one tool call, with a model that answers at once."""

from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.targets import folders, nothing

ABOUT = """
A thousand runs at once of one agent: the model asks for a tool, the tool answers, the model answers. The
model is a function in the process, so the figure is the framework's own CPU, threads included.

`loop` is our agent loop and tool box alone, which keep nothing: that is what the peers can be compared with.
In the other cases ours is the whole engine and journals every step: intent, outcome, outbox and budget, into
memory (`memory`), which no peer does here, or into a SQLite file that survives a power cut (`sqlite_full`).
`plain_asyncio` is the same three calls written by hand; `langgraph` is its prebuilt agent.

`held`: resident memory for each of a thousand runs on SQLite while a model thinks for all of them at once;
`waiting` is what a thousand more that wait for a person add to that.

Where our time goes: a run is four appends, fifteen encodings of JSON and six asyncio tasks; in a profile
no single function takes more than three hundredths of it. A sixth is the interpreter's collection of garbage.
"""

PEERS = (
    Contestant(name="plain_asyncio", module="benchmarks.agent_loop.plain"),
    Contestant(name="agno", module="benchmarks.agent_loop.agno_agent", needs=("agno",)),
    Contestant(
        name="pydantic_ai", module="benchmarks.agent_loop.pydantic_agent", needs=("pydantic-ai-slim",)
    ),
    Contestant(name="langgraph", module="benchmarks.agent_loop.langgraph_agent", needs=("langgraph",)),
)
HELD = "benchmarks.agent_loop.held"
ALONE = Contestant(name="flowmatik", module="benchmarks.agent_loop.alone")


def _ours(store: str) -> Contestant:
    return Contestant(name="flowmatik", module="benchmarks.agent_loop.ours", options={"store": store})


BENCHMARK = Benchmark(
    name="agent_loop",
    title="Agent loop",
    about=ABOUT,
    cases=(
        Case(
            name="loop",
            unit="CPU ms/run",
            n=1000,
            quick_n=1000,
            contestants=(ALONE, *PEERS),
            prepare=nothing,
            higher_is_better=False,
            goals={"agno": 0.5},
        ),
        Case(
            name="memory",
            unit="CPU ms/run",
            n=1000,
            quick_n=1000,
            contestants=(_ours("memory"), *PEERS),
            prepare=nothing,
            higher_is_better=False,
            goals={"agno": 0.5},
        ),
        Case(
            name="sqlite_full",
            unit="CPU ms/run",
            n=1000,
            quick_n=1000,
            contestants=(_ours("sqlite_full"),),
            prepare=folders,
            higher_is_better=False,
        ),
        Case(
            name="held",
            unit="KiB/run",
            n=1000,
            quick_n=1000,
            contestants=(Contestant(name="flowmatik", module=HELD, options={"store": "sqlite_full"}),),
            prepare=folders,
            higher_is_better=False,
            parts={"waiting": "KiB/run"},
        ),
    ),
    versions=("agno", "pydantic-ai-slim", "langgraph"),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
