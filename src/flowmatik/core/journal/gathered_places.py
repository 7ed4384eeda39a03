"""Places of subscribers, of many runs in one round trip: whoever relays asks for those of several runs at
once, and remembers them together in one commit."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Row
from flowmatik.core.journal.batching import GroupCommit

Fetch = Callable[..., Awaitable[Sequence[Row]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    subscriber: str
    in_run: str
    seq: int = 0

    @property
    def run_id(self) -> str:
        """What a batch has once."""
        return f"{self.subscriber}\n{self.in_run}"


class GatheredPlaces:
    """`fetch` answers named statements."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._asked = GroupCommit(self._read, lanes=1)
        self._told = GroupCommit(self._set, lanes=1)

    async def of(self, subscriber: str, run_id: str) -> int | None:
        return await self._asked.write(_Place(subscriber=subscriber, in_run=run_id))

    async def put(self, subscriber: str, run_id: str, seq: int) -> None:
        await self._told.write(_Place(subscriber=subscriber, in_run=run_id, seq=seq))

    async def close(self) -> None:
        await self._told.close()

    async def _read(self, asked: Sequence[_Place]) -> list[int | None]:
        rows = await self._fetch("places", [one.subscriber for one in asked], [one.in_run for one in asked])
        known = {(row[0], row[1]): int(row[2]) for row in rows}
        return [known.get((one.subscriber, one.in_run)) for one in asked]

    async def _set(self, told: Sequence[_Place]) -> list[None]:
        names, runs = [one.subscriber for one in told], [one.in_run for one in told]
        await self._fetch("set_places", names, runs, [str(one.seq) for one in told])
        return [None for _ in told]
