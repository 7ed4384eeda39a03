"""The benchmark of the gateway runs, for everybody who is installed."""

from importlib import import_module
from typing import Any

import pytest

from benchmarks.model_gateway.run import BENCHMARK, server

CONTESTANTS = [one for one in BENCHMARK.cases[0].contestants if not one.missing()]


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda one: one.name)
@pytest.mark.parametrize("stream", [False, True])
async def test_each_contestant_is_measured(contestant: Any, stream: bool) -> None:
    job = {"n": 8, "under_way": 4, "per_second": 80.0, "stream": stream}
    with server() as address:
        measured = await import_module(contestant.module).measure({**job, "address": address})
    assert measured.keys() == {"value", "p99", "cpu"}
    assert all(0.0 < value < 60_000.0 for value in measured.values())


def test_the_bare_client_and_ours_are_always_there() -> None:
    assert {"flowmatik", "openai", "pydantic_ai"} <= {one.name for one in CONTESTANTS}
