"""The benchmark of planning measures plans that may run, and stays below what it is about."""

import pytest

from benchmarks.planning.ours import measure


@pytest.mark.parametrize("what", ["validated", "compiled", "both"])
async def test_a_plan_of_forty_tasks_is_planned(what: str) -> None:
    found = await measure({"what": what, "n": 40})
    assert 0 < found["value"] < 1000
