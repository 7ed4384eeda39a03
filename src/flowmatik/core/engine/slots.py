"""How many runs a process drives at once."""

import asyncio

SPARE_PARTS = 4  # a quarter more, for workspaces that have nothing under way


class Slots:
    """`count` of them, and a few more for those who would wait behind others' runs."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._taken = 0
        self._given = asyncio.Event()

    @property
    def free(self) -> int:
        """Below zero while spare ones are taken."""
        return self.count - self._taken

    @property
    def spare(self) -> int:
        most = max(1, self.count // SPARE_PARTS)
        return min(most, most + self.free)

    def take(self, *, spare: bool = False) -> bool:
        """At once or not at all."""
        if self.free > 0 or (spare and self.spare > 0):
            self._taken += 1
            return True
        return False

    async def wait(self) -> None:
        """Until one can be taken, and take it; whoever waited longest goes first."""
        while not self.take():
            self._given.clear()
            await self._given.wait()

    async def roomy(self) -> None:
        """Until a slot is free, or a spare one."""
        while self.free <= 0 and self.spare <= 0:
            self._given.clear()
            await self._given.wait()

    def give(self) -> None:
        self._taken -= 1
        self._given.set()
