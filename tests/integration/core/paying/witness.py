"""A journal that notes why calls are refused, and ways to get its money wrong that watchers must see."""

import json
import os
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.port import Append, Appended, Kept
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.postgres import PostgresDatabase

SPENT = """
SELECT coalesce(sum(cost_micros), 0)::bigint
        + (SELECT coalesce(sum(spent_micros), 0)::bigint FROM outside_calls WHERE workspace_id = $1),
    coalesce(sum(cost_micros) FILTER (WHERE goal LIKE 'clerk %'), 0)::bigint,
    coalesce(sum(cost_micros) FILTER (WHERE goal LIKE 'scribe %'), 0)::bigint
FROM runs WHERE workspace_id = $1 AND run_id <> $2
"""
AGAIN = "UPDATE caps SET granted_micros = greatest(granted_micros - $2, 0) WHERE scope = $1"


class Witness(PostgresJournal):
    """Notes, for each call that is refused, what the caps were when they were looked at, and what other runs
    had spent at that moment, by their heads; what its own had is in its history."""

    def __init__(self, database: PostgresDatabase, clock: SystemClock, pool: Any, file: str) -> None:
        super().__init__(database, clock)
        self.pool = pool
        self._looked: dict[str, dict[str, Any]] = {}
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        if query != "cap_uses":
            return await super()._fetch(query, *params)
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(self._sql["cap_uses"], *params)
            whole, clerk, scribe = await connection.fetchrow(SPENT, *params[:2])
        self._looked[params[1]] = {
            "limits": {row[0]: row[1] for row in rows},
            "spent": {"agent:clerk": clerk, "agent:scribe": scribe, "": whole},
        }
        return rows

    async def append(self, append: Append) -> Appended:
        for event in append.events:
            if event.type == "CallRefused":
                note = {"run": append.run_id, **self._looked.get(append.run_id, {})}
                os.write(self._file, json.dumps(note).encode() + b"\n")
        return await super().append(append)


class Early(Witness):
    """What a call needs goes back to the caps before it has ended."""

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        nothing = dict.fromkeys(kept.scopes, 0)
        await super().settle(run_id, seq=seq, upto=upto, kept=Kept(scopes=nothing))


class Keeping(Witness):
    """Nothing is ever given back."""

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        del run_id, seq, upto, kept


class Twice(Witness):
    """What is given back is given back once more."""

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        before = await self.held(run_id)
        await super().settle(run_id, seq=seq, upto=upto, kept=kept)
        after = await self.held(run_id)
        for scope, micros in before.items():
            await self.pool.execute(AGAIN, scope, micros - after.get(scope, 0))


BROKEN = {"early": Early, "kept": Keeping, "twice": Twice}


def witness(broken: str) -> type[Witness]:
    return BROKEN[broken] if broken else Witness
