"""What workspaces have learned, in the tables `cases` and `case_outcomes`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.cases import LEAST_RATE, Case, rate_of
from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound

MOST_CASES = 2000  # of a workspace that are looked through, the newest
_COUNT = "INSERT INTO case_outcomes (workspace_id, run_id, case_id) VALUES ($1, $2, $3)"
# One that was retired (`rate_of` below LEAST_RATE, in whole numbers) is learned anew.
_LEARN = (
    "INSERT INTO cases (workspace_id, case_id, goal, language, planner, plan, embedder, vector, succeeded,"
    " failed, cost_micros, learned_from, created_at, used_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 0, $9, $10, $11, $12)"
    " ON CONFLICT (workspace_id, case_id) DO UPDATE SET plan = excluded.plan, planner = excluded.planner,"
    " embedder = excluded.embedder, vector = excluded.vector, cost_micros = excluded.cost_micros,"
    " learned_from = excluded.learned_from, used_at = excluded.used_at, succeeded = CASE"
    " WHEN 2 * (cases.succeeded + 2) < cases.succeeded + cases.failed + 3 THEN 1"
    " ELSE cases.succeeded + 1 END, failed = CASE"
    " WHEN 2 * (cases.succeeded + 2) < cases.succeeded + cases.failed + 3 THEN 0 ELSE cases.failed END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCase:
    case: Case
    tasks: list[Any]
    embedder: str = ""
    vector: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A plan that worked. `tasks` is JSON."""

    goal: str
    language: str
    planner: str
    tasks: list[Any]
    run_id: str
    cost_micros: int | None
    embedder: str = ""
    vector: tuple[float, ...] = ()

    def case_id(self) -> str:
        """The same for the same goal, so that it is one case."""
        return "case_" + canonical.content_hash([" ".join(self.goal.casefold().split()), self.language])[:20]


class StoredCases:
    """Implements `Cases`; what it learns is written by the bus, what runs may take is read by an adviser."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def active(self, workspace_id: str) -> list[StoredCase]:
        """Those that are not retired."""
        return [one for one in await self._all(workspace_id) if not one.case.retired]

    async def _all(self, workspace_id: str) -> list[StoredCase]:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT case_id, goal, language, planner, plan, succeeded, failed, cost_micros, learned_from,"
            " created_at, used_at, embedder, vector FROM cases WHERE workspace_id = $1"
            " ORDER BY created_at DESC, case_id LIMIT $2",
            workspace_id,
            MOST_CASES,
        )
        return [_stored(row) for row in rows]

    async def learn(self, workspace_id: str, lesson: Lesson) -> None:
        """Counted once for each run, however often it is told."""
        case_id, now = lesson.case_id(), self._clock.now().isoformat()
        values = (
            workspace_id,
            case_id,
            lesson.goal,
            lesson.language,
            lesson.planner,
            canonical.dumps(lesson.tasks),
            lesson.embedder,
            canonical.dumps(list(lesson.vector)) if lesson.vector else "",
            lesson.cost_micros,
            lesson.run_id,
            now,
            now,
        )
        await self._once(workspace_id, lesson.run_id, case_id, [(_LEARN, values)])

    async def count(
        self, workspace_id: str, case_id: str, run_id: str, *, succeeded: bool, cost_micros: int | None
    ) -> None:
        """A run by the plan of a case has ended. Counted once, too; of a forgotten case nothing is."""
        now = self._clock.now().isoformat()
        if succeeded:
            counted: Statement = (
                "UPDATE cases SET succeeded = succeeded + 1, used_at = $3, cost_micros = $4"
                " WHERE workspace_id = $1 AND case_id = $2",
                (workspace_id, case_id, now, cost_micros),
            )
        else:
            counted = (
                "UPDATE cases SET failed = failed + 1, used_at = $3 WHERE workspace_id = $1 AND case_id = $2",
                (workspace_id, case_id, now),
            )
        await self._once(workspace_id, run_id, case_id, [counted])

    async def _once(
        self, workspace_id: str, run_id: str, case_id: str, statements: Sequence[Statement]
    ) -> None:
        counted: Statement = (_COUNT, (workspace_id, run_id, case_id))
        try:
            await self._database.within(workspace_id).transaction([counted, *statements])
        except Conflict:
            return  # this run was counted before

    async def forget(self, workspace_id: str, case_id: str) -> None:
        counts = await self._database.within(workspace_id).transaction(
            [("DELETE FROM cases WHERE workspace_id = $1 AND case_id = $2", (workspace_id, case_id))]
        )
        if not counts[0]:
            raise NotFound(
                f"there is no case {case_id!r}; `flowmatik cases list` shows those that there are",
                code="not_found.case",
                context={"case": case_id},
            )

    async def forget_all(self, workspace_id: str) -> int:
        counts = await self._database.within(workspace_id).transaction(
            [("DELETE FROM cases WHERE workspace_id = $1", (workspace_id,))]
        )
        return counts[0]

    async def list(self, workspace_id: str) -> list[Case]:
        return [one.case for one in await self._all(workspace_id)]


def _stored(row: Row) -> StoredCase:
    case_id, goal, language, planner, plan, succeeded, failed, cost, run_id, created_at, used_at = row[:11]
    tasks = canonical.loads(str(plan))
    rate = rate_of(int(succeeded), int(failed))
    case = Case(
        id=str(case_id),
        goal=str(goal),
        planner=str(planner),
        language=str(language),
        tasks=len(tasks),
        succeeded=int(succeeded),
        failed=int(failed),
        rate=rate,
        retired=rate < LEAST_RATE,
        created_at=str(created_at),
        used_at=str(used_at),
        cost_micros=None if cost is None else int(cost),
        run_id=str(run_id),
    )
    vector = tuple(canonical.loads(str(row[12]))) if row[12] else ()
    return StoredCase(case=case, tasks=tasks, embedder=str(row[11]), vector=vector)
