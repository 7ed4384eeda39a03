"""Watches the money of a database while processes spend it, by the journal's events alone."""

import asyncio
from collections import Counter
from typing import Any

from flowmatik.kernel import canonical
from flowmatik.stores.postgres import connect_once

WATCHED = ("CallRequested", "CallSucceeded", "CallFailed")
EVENTS = """
SELECT e.workspace_id, e.run_id, e.seq, e.type, e.payload FROM runs r
LEFT JOIN unnest($1::text[], $2::bigint[]) AS known (run_id, seq) ON known.run_id = r.run_id
JOIN run_events e ON e.run_id = r.run_id AND e.seq > coalesce(known.seq, 0)
WHERE r.head_seq > coalesce(known.seq, 0) ORDER BY e.run_id, e.seq
"""
CAPS = "SELECT workspace_id, scope, limit_micros, granted_micros FROM caps"
PAUSE_SECONDS = 0.1
Scope = tuple[str, str]


class Watcher:
    """Each look is one snapshot: what calls have set aside and cost under each cap, by the events so far, is
    within what the cap has granted, and that within its limit."""

    def __init__(self, dsn: str) -> None:
        self.looks = 0
        self.calls = 0
        self.refused = 0
        self.cost: Counter[str] = Counter()  # by run
        self.bound: Counter[Scope] = Counter()  # set aside and spent
        self.granted: dict[Scope, int] = {}
        self._dsn = dsn
        self._seen: dict[str, int] = {}
        self._open: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def open(self) -> int:
        return len(self._open)

    async def watch(self, over: asyncio.Event) -> None:
        """Until it is over; AssertionError at the first wrong amount."""
        connection = await connect_once(self._dsn)
        try:
            while not over.is_set():
                await self._look(connection)
                await asyncio.sleep(PAUSE_SECONDS)
            await self._look(connection)
        finally:
            connection.terminate()

    async def _look(self, connection: Any) -> None:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(EVENTS, [*self._seen], [*self._seen.values()])
            caps = await connection.fetch(CAPS)
        for workspace, run, seq, kind, payload in rows:
            self._seen[run] = seq
            if kind in WATCHED:
                self._count(workspace, run, kind, canonical.loads(payload))
            self.refused += kind == "CallRefused"
        self.looks += 1
        for workspace, scope, limit, granted in caps:
            self.granted[workspace, scope] = granted
            bound = self.bound[workspace, scope]
            said = f"look {self.looks}: {workspace} {scope}: {bound} set aside and spent, {granted} granted"
            assert bound <= granted <= limit, f"{said}, {limit} allowed"

    def _count(self, workspace: str, run: str, kind: str, event: dict[str, Any]) -> None:
        key = (run, event["call_id"])
        if kind == "CallRequested":
            assert key not in self._open, f"{key} is asked twice"
            self._open[key] = event
            self.calls += 1
            self._move(workspace, event, event["reserved_micros"])
            return
        asked = self._open.pop(key, None)
        assert asked is not None, f"{key} has an outcome without an intent, or two"
        cost = event["cost_micros"]
        assert 0 <= cost <= asked["reserved_micros"], f"{key} cost {cost} of {asked['reserved_micros']}"
        self.cost[run] += cost
        self._move(workspace, asked, cost - asked["reserved_micros"])

    def _move(self, workspace: str, asked: dict[str, Any], micros: int) -> None:
        for scope in asked["scopes"]:
            self.bound[workspace, scope] += micros
