"""What the journal says of runs that were woken, and what the tables take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engine_scale.processes import until
from benchmarks.figures import percentile

LIMIT_SECONDS = 300.0
POLL_SECONDS = 0.5
TABLES = ("runs", "run_events", "timers", "run_inbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """Seconds from when each should have gone on until that was in the journal; from the first such moment
    until the last had gone on, and until the last had ended."""

    late: Sequence[float]
    all_on: float
    all_ended: float

    def figures(self) -> dict[str, float]:
        return {
            "p50": percentile(self.late, 0.5) * 1000,
            "p99": percentile(self.late, 0.99) * 1000,
            "on": self.all_on,
            "ended": self.all_ended,
        }


async def gone_on(connection: Any, since: Mapping[str, float]) -> Woken:
    """Once all these runs have ended. `since`: when each was due, in Unix seconds."""
    ids = list(since)

    async def ended() -> bool:
        left = "SELECT count(*) FROM runs WHERE run_id = ANY ($1::text[]) AND ended_at = ''"
        return await connection.fetchval(left, ids) == 0

    await until(ended, LIMIT_SECONDS, POLL_SECONDS)
    rows = await connection.fetch(
        f"SELECT run_id, {await _moment(connection)} AS moment FROM run_events "
        "WHERE run_id = ANY ($1::text[]) AND type = 'WaitEnded'",
        ids,
    )
    if len(rows) != len(ids):
        raise AssertionError(f"{len(rows)} of {len(ids)} waits ended")
    last = await connection.fetchval(
        "SELECT max(extract(epoch FROM ended_at::timestamptz)) FROM runs WHERE run_id = ANY ($1::text[])", ids
    )
    first = min(since.values())
    moments = {row["run_id"]: float(row["moment"]) for row in rows}
    return Woken(
        late=[moments[run_id] - since[run_id] for run_id in ids],
        all_on=max(moments.values()) - first,
        all_ended=float(last) - first,
    )


async def _moment(connection: Any) -> str:
    """When an event was committed; a server that does not keep that has the time it was written with."""
    kept = await connection.fetchval("SHOW track_commit_timestamp")
    return f"extract(epoch FROM {'pg_xact_commit_timestamp(xmin)' if kept == 'on' else 'at::timestamptz'})"


async def sizes(connection: Any) -> dict[str, float]:
    """MiB of each table with its indexes, and KiB a run of all of them."""
    found = {
        f"{table}_mib": await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
        / 2**20
        for table in TABLES
    }
    count = await connection.fetchval("SELECT count(*) FROM runs")
    return {**found, "run_kib": sum(found.values()) * 1024 / count}
