"""The benchmark of the gateway runs, for everybody who is installed."""

from importlib import import_module
from typing import Any

import pytest

from benchmarks.model_gateway.run import BENCHMARK, server

CONTESTANTS = [one for one in BENCHMARK.cases[0].contestants if not one.missing()]


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda one: one.name)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("figure", ["p50", "p99", "cpu"])
async def test_each_contestant_is_measured(contestant: Any, stream: bool, figure: str) -> None:
    job = {"n": 8, "figure": figure, "under_way": 4, "per_second": 80.0, "stream": stream}
    with server() as address:
        measured = await import_module(contestant.module).measure({**job, "address": address})
    assert 0.0 < measured["value"] < 60_000.0


def test_the_bare_client_and_ours_are_always_there() -> None:
    assert {"flowmatik", "openai", "pydantic_ai"} <= {one.name for one in CONTESTANTS}
