"""Reads that wait for the same moment take one round trip, and a bad one spoils no other."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from flowmatik.core.journal.gathered import GatheredReads
from flowmatik.kernel.errors import InvalidInput, JournalUnavailable

BAD = "run_\x00"


class Server:
    """Answers when it is told to; each statement was a round trip."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.open = asyncio.Event()
        self.away = False

    async def fetch(self, query: str, *params: Any) -> Sequence[Sequence[Any]]:
        self.asked.append((query, params[0]))
        await self.open.wait()
        runs: list[str] = params[0] if query in ("heads", "read_many") else [params[0]]
        if self.away:
            raise JournalUnavailable("away")
        if BAD in runs:
            raise InvalidInput("a value is refused", code="input.value")
        if query in ("head", "heads"):
            return [(run_id, "default") for run_id in reversed(runs) if run_id != "run_none"]
        if query == "read":
            return [(1, "RunCreated", runs[0], "")]
        return [(run_id, ["1"], ["RunCreated"], [run_id], [""]) for run_id in runs]


async def _a_moment() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _asked(server: Server, *run_ids: str) -> list[Any]:
    reads = GatheredReads(server.fetch)
    tasks = [asyncio.create_task(reads.head(run_id)) for run_id in run_ids]
    await _a_moment()
    server.open.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_heads_asked_for_at_one_moment_take_one_round_trip() -> None:
    server = Server()
    ids = [f"run_{n}" for n in range(50)]

    rows = await _asked(server, *ids, "run_none")

    assert [row[0][0] for row in rows[:-1]] == ids
    assert rows[-1] == []
    assert [query for query, _ in server.asked] == ["heads"]


async def test_one_alone_is_read_as_ever() -> None:
    server = Server()

    assert await _asked(server, "run_1") == [[("run_1", "default")]]
    assert server.asked == [("head", "run_1")]


async def test_pages_go_together_up_to_a_bound_for_each_may_be_long() -> None:
    server = Server()
    server.open.set()
    reads = GatheredReads(server.fetch)
    ids = [f"run_{n}" for n in range(40)]

    pages = await asyncio.gather(*(reads.page(run_id, 0, 1000) for run_id in ids))

    assert [[one.payload for one in page] for page in pages] == [[run_id] for run_id in ids]
    assert [len(runs) for _, runs in server.asked] == [16, 16, 8]


async def test_a_read_that_the_store_refuses_is_told_to_its_caller_alone() -> None:
    server = Server()

    rows = await _asked(server, "run_1", BAD, "run_2")

    assert (rows[0], rows[2]) == ([("run_1", "default")], [("run_2", "default")])
    assert isinstance(rows[1], InvalidInput)


async def test_a_caller_that_goes_takes_nothing_from_the_others() -> None:
    server = Server()
    reads = GatheredReads(server.fetch)
    first, second = (asyncio.create_task(reads.head(run_id)) for run_id in ("run_1", "run_2"))
    await _a_moment()

    first.cancel()
    server.open.set()

    assert await second == [("run_2", "default")]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_store_that_is_away_is_asked_once_for_all() -> None:
    server = Server()
    server.away = True

    rows = await _asked(server, "run_1", "run_2", "run_3")

    assert all(isinstance(row, JournalUnavailable) for row in rows)
    assert len(server.asked) == 1
