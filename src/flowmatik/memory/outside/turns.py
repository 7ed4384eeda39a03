"""Whose turn it is to change a workspace's indexes: one at a time, of all processes."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import Clock

LEASE_SECONDS = 60.0
_TRY_SECONDS = 0.2
_TAKE = (
    "UPDATE memory_workspaces SET follower = $2, followed_until = $3 WHERE workspace_id = $1"
    " AND (follower = $2 OR follower = '' OR followed_until < $4)"
)
_LEAVE = (
    "UPDATE memory_workspaces SET follower = '', followed_until = ''"
    " WHERE workspace_id = $1 AND follower = $2"
)


class Turn:
    """Held for `LEASE_SECONDS` from each `keep`; whoever is gone for longer has lost it."""

    def __init__(self, database: Database, workspace_id: str, clock: Clock) -> None:
        self._database = database
        self._workspace = workspace_id
        self._clock = clock
        self._id = secrets.token_hex(16)

    async def keep(self) -> bool:
        """Whether it is ours, now for longer."""
        now = self._clock.now()
        until = now + timedelta(seconds=LEASE_SECONDS)
        told = (until.isoformat(timespec="microseconds"), now.isoformat(timespec="microseconds"))
        (taken,) = await self._database.transaction([(_TAKE, (self._workspace, self._id, *told))])
        return bool(taken)

    async def leave(self) -> None:
        await self._database.transaction([(_LEAVE, (self._workspace, self._id))])


@asynccontextmanager
async def turn(
    database: Database, workspace_id: str, clock: Clock, *, patience: float = 0.0
) -> AsyncGenerator[Turn | None]:
    """None when it was somebody else's all that time."""
    mine = Turn(database, workspace_id, clock)
    began = clock.monotonic()
    while not (held := await mine.keep()) and clock.monotonic() - began < patience:
        await clock.sleep(_TRY_SECONDS)
    if not held:
        yield None
        return
    try:
        yield mine
    finally:
        await asyncio.shield(mine.leave())
