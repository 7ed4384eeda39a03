"""The lessons of a workspace's answers in the database. They hold numbers alone, and go with their run."""

import json
from collections.abc import Sequence

from flowmatik.contracts.database import Database
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.learning.retrieval.lessons import LATEST, Lesson, said

_KEEP = (
    "INSERT INTO search_lessons (workspace_id, run_id, at, body) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (workspace_id, run_id) DO NOTHING"
)
_LATEST = (
    "SELECT l.body, (SELECT count(DISTINCT f.said_by) FROM run_feedback f WHERE f.workspace_id = $1"
    " AND f.run_id = l.run_id AND f.good <> 0), (SELECT count(DISTINCT f.said_by) FROM run_feedback f"
    " WHERE f.workspace_id = $1 AND f.run_id = l.run_id AND f.good = 0)"
    " FROM search_lessons l WHERE l.workspace_id = $1 ORDER BY l.at DESC, l.run_id DESC"
    " LIMIT CAST($2 AS INTEGER)"
)
_OLD = (
    "DELETE FROM search_lessons WHERE workspace_id = $1 AND at < (SELECT min(k.at) FROM (SELECT at"
    " FROM search_lessons WHERE workspace_id = $1 ORDER BY at DESC LIMIT CAST($2 AS INTEGER)) k)"
)


class LessonStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, workspace_id: str, run_id: str, lesson: Lesson) -> None:
        """Once for each run; the oldest make room."""
        body = canonical.dumps({leg: round(value, 4) for leg, value in lesson.ahead.items()})
        at = self._clock.now().isoformat()
        await self._database.within(workspace_id).transaction(
            [(_KEEP, (workspace_id, run_id, at, body)), (_OLD, (workspace_id, 2 * LATEST))]
        )

    async def latest(self, workspace_id: str) -> Sequence[Lesson]:
        """With what people have said of those answers until now."""
        rows = await self._database.within(workspace_id).fetch(_LATEST, workspace_id, LATEST)
        return [said(Lesson(ahead=json.loads(body)), int(good), int(bad)) for body, good, bad in rows]

    async def forget(self, workspace_id: str) -> None:
        sql = "DELETE FROM search_lessons WHERE workspace_id = $1"
        await self._database.within(workspace_id).transaction([(sql, (workspace_id,))])
