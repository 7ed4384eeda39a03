"""What the way through a gateway adds to a model call: latency and CPU, whole and streamed."""

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.harness import ROOT, Benchmark, Case, Contestant, Fresh, Job, run

ABOUT = """
A model server in a process of its own answers each call after a fixed time (1 s with 100 calls under way, 8 s
with 1,000). Calls begin at even distances, 100 and 125 a second, so that nobody waits for the processor.
`p50` and `p99` are what a call takes beyond the server's time, until the answer arrived, or of a stream the
first piece; `cpu` is the client's process time for a call.

`openai` is the vendor's client called by hand, which is the least that there is, connections and server
included: what ours adds is the difference. Ours is the whole gateway: a model list with a stand-in, circuit
breaker, prices and worst case, Pydantic AI's direct interface and the vendor's client beneath. `pydantic_ai`
is its agent without tools; `litellm` is its SDK's router, with a stand-in too.
"""

NAME = "benchmarks.model_gateway"
PER_SECOND: Mapping[int, float] = {100: 100.0, 1000: 125.0}  # calls, by how many are under way


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


def _case(figure: str, under_way: int, *, stream: bool = False) -> Case:
    options = {
        "figure": figure,
        "under_way": under_way,
        "per_second": PER_SECOND[under_way],
        "stream": stream,
    }
    return Case(
        name=f"{'stream_' if stream else ''}{figure}_{under_way}",
        unit="CPU ms/call" if figure == "cpu" else "ms",
        n=600 if under_way == 100 else 2000,
        quick_n=50,
        contestants=_contestants(options),
        prepare=served,
        higher_is_better=False,
        goals={"litellm": 1.0},
    )


BENCHMARK = Benchmark(
    name="model_gateway",
    title="Model gateway",
    about=ABOUT,
    cases=(
        _case("p50", 100),
        _case("p99", 100),
        _case("cpu", 100),
        _case("p50", 1000),
        _case("p99", 1000),
        _case("cpu", 1000),
        _case("p50", 100, stream=True),
        _case("cpu", 100, stream=True),
    ),
    versions=("openai", "pydantic-ai-slim", "litellm"),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
