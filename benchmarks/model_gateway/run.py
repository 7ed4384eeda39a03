"""What the way through a gateway adds to a model call: latency and CPU, whole and streamed."""

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.harness import ROOT, Benchmark, Case, Contestant, Fresh, Job, run

ABOUT = """
A model server in a process of its own answers each call after a fixed time (1 s with 100 calls under way, 5 s
with 1,000). Calls begin at even distances, 100 and 200 a second, so that nobody waits for the processor.
`p50` and `p99` are what a call takes beyond the server's time, until the answer arrived, or of a stream the
first piece; `cpu` is the client's process time for a call. What a contestant has loaded when its first calls
are over is left out of collections of garbage, as our server does it for itself: without that the slowest
calls of all of them tell how long a full collection looks through their libraries.

`openai` is the vendor's client called by hand, which is the least that there is, connections and server
included: what ours adds is the difference. Ours is the whole gateway: a model list with a stand-in, circuit
breaker, prices and worst case, Pydantic AI's direct interface and the vendor's client beneath. `pydantic_ai`
is its agent without tools; `litellm` is its SDK's router, with a stand-in too.
"""

NAME = "benchmarks.model_gateway"
PER_SECOND: Mapping[int, float] = {100: 100.0, 1000: 200.0}  # calls, by how many are under way
CALLS: Mapping[int, int] = {100: 250, 1000: 1200}


@contextmanager
def server() -> Generator[str]:
    """Its address."""
    command = [sys.executable, "-m", f"{NAME}.server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


@contextmanager
def served() -> Generator[Fresh]:
    with server() as address:

        @contextmanager
        def fresh() -> Generator[Job]:
            yield {"address": address}

        yield fresh


def _contestants(options: dict[str, Any]) -> tuple[Contestant, ...]:
    return (
        Contestant(name="flowmatik", module=f"{NAME}.ours", options=options),
        Contestant(name="openai", module=f"{NAME}.bare_client", options=options),
        Contestant(name="pydantic_ai", module=f"{NAME}.pydantic_agent", options=options),
        Contestant(name="litellm", module=f"{NAME}.litellm_router", needs=("litellm",), options=options),
    )


def _case(under_way: int, *, stream: bool = False) -> Case:
    """Its median; the slowest and the CPU are of the same calls."""
    first, after = "stream_" if stream else "", f"_{under_way}"
    return Case(
        name=f"{first}p50{after}",
        unit="ms",
        n=CALLS[under_way],
        quick_n=40,
        contestants=_contestants(
            {"under_way": under_way, "per_second": PER_SECOND[under_way], "stream": stream}
        ),
        prepare=served,
        higher_is_better=False,
        goals={"litellm": 1.0},
        also={"p99": (f"{first}p99{after}", "ms"), "cpu": (f"{first}cpu{after}", "CPU ms/call")},
    )


BENCHMARK = Benchmark(
    name="model_gateway",
    title="Model gateway",
    about=ABOUT,
    cases=(_case(100), _case(1000), _case(100, stream=True), _case(1000, stream=True)),
    versions=("openai", "pydantic-ai-slim", "litellm"),
    rounds=3,  # a fixed load at a fixed pace varies little; all of it takes less than eight minutes
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
