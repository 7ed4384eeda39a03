"""What was found out about models, in the table `model_probes`, by workspace: who pays for a probe has it."""

from datetime import UTC, datetime
from typing import Any, cast

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.model_access import Capabilities, Capability, Verdict
from flowmatik.integrations.probing.probing import Findings
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock

DAYS = 30
DAY = 86_400
MOST = 1_000  # models of a workspace
_PUT = (
    "INSERT INTO model_probes (workspace_id, model, body, probed_at, expires_at) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (workspace_id, model) DO UPDATE SET body = excluded.body, probed_at = excluded.probed_at,"
    " expires_at = excluded.expires_at"
)
_ONE = "SELECT model, body, probed_at, expires_at FROM model_probes WHERE workspace_id = $1 AND model = $2"
_ALL = (
    "SELECT model, body, probed_at, expires_at FROM model_probes WHERE workspace_id = $1"
    " ORDER BY model LIMIT $2"
)


class StoredProbes:
    """Raises JournalUnavailable when the store is away."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, workspace_id: str) -> list[Capabilities]:
        rows = await self._database.within(workspace_id).fetch(_ALL, workspace_id, MOST)
        return [self._read(row) for row in rows]

    async def get(self, workspace_id: str, model: str) -> Capabilities | None:
        rows = await self._database.within(workspace_id).fetch(_ONE, workspace_id, model)
        return self._read(rows[0]) if rows else None

    async def put(self, workspace_id: str, model: str, found: Findings) -> Capabilities:
        """In place of what was known; it holds for 30 days."""
        return await self._put(workspace_id, model, found, DAYS * DAY)

    async def contradict(self, workspace_id: str, model: str, capability: Capability, why: str) -> None:
        """A real call was refused for what the model was thought to be able to do. That holds for a day: it
        may be the service that lacks it now."""
        known = await self.get(workspace_id, model)
        others = tuple(one for one in known.verdicts if one.capability != capability) if known else ()
        verdict = Verdict(capability=capability, able=False, why=why)
        found = Findings(verdicts=(*others, verdict), cost_micros=known.cost_micros if known else 0)
        await self._put(workspace_id, model, found, DAY)

    async def forget(self, workspace_id: str) -> int:
        statement = ("DELETE FROM model_probes WHERE workspace_id = $1", (workspace_id,))
        return sum(await self._database.within(workspace_id).transaction([statement]))

    async def _put(self, workspace_id: str, model: str, found: Findings, seconds: int) -> Capabilities:
        now = int(self._clock.now().timestamp())
        told = [[one.capability, one.able, one.why] for one in found.verdicts]
        body = canonical.dumps({"verdicts": told, "cost_micros": found.cost_micros})
        values = (workspace_id, model, body, now, now + seconds)
        await self._database.within(workspace_id).transaction([(_PUT, values)])
        return self._read(values[1:])

    def _read(self, row: Row) -> Capabilities:
        model, body, probed_at, expires_at = row
        kept = cast("dict[str, Any]", canonical.loads(body))
        return Capabilities(
            model=model,
            verdicts=tuple(Verdict(capability=c, able=able, why=why) for c, able, why in kept["verdicts"]),
            probed_at=_moment(probed_at),
            expires_at=_moment(expires_at),
            expired=int(expires_at) <= self._clock.now().timestamp(),
            cost_micros=kept["cost_micros"],
        )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
