"""Learns from runs that have ended, as the bus tells of them: what worked becomes a case, and what comes of
runs by a case counts for it or against it."""

import logging
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.cases.store import Lesson, StoredCases
from flowmatik.agents.cases.vectors import vector_of
from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.runs import Runs
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import FlowmatikError, NotFound
from flowmatik.kernel.events import CloudEvent

log = logging.getLogger(__name__)
LEARNS_FROM = frozenset({"flowmatik.RunSucceeded", "flowmatik.RunFailed"})
LEARNED = ("model",)  # planners whose plans are worth keeping: the others make the same again for nothing
MOST_BYTES = 65_536  # of a plan
# What ended a run with these codes was no fault of its plan.
NOT_THE_PLAN = ("budget", "unavailable", "model", "engine", "auth", "run.deadline", "run.plan", "run.no_plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    goal: str
    language: str
    planner: str
    values: dict[str, Any]
    tasks: list[Any]


class CaseLearning:
    """A handler of the bus. The same event again changes nothing."""

    def __init__(self, runs: Runs, cases: StoredCases, embedder: Embedder | None) -> None:
        self._runs = runs
        self._cases = cases
        self._embedder = embedder

    async def __call__(self, event: CloudEvent) -> None:
        run_id = event.id.rpartition(":")[0]
        worked = _worked(event)
        if worked is None:
            return
        try:
            planned = await self._planned(event.workspace_id, run_id)
            if planned is None:
                return
            cost = (await self._runs.get(event.workspace_id, run_id)).cost_micros
        except NotFound:
            return  # deleted since
        if planned.planner == "case":
            case_id = str(planned.values.get("case", ""))
            await self._cases.count(event.workspace_id, case_id, run_id, succeeded=worked, cost_micros=cost)
        elif worked:
            await self._learn(event.workspace_id, run_id, planned, cost)

    async def _planned(self, workspace_id: str, run_id: str) -> _Planned | None:
        """What the run was planned by; None for a run that nothing can be learned from."""
        created: dict[str, Any] = {}
        async for event in self._runs.events(workspace_id, run_id):
            match event.type:
                case "flowmatik.RunCreated":
                    created = event.data
                    if created["plan"] or created["agent"]:
                        return None
                case "flowmatik.RunForked":
                    return None  # its plan may be for another goal
                case "flowmatik.PlanAdopted":
                    if event.data["planner"] not in (*LEARNED, "case"):
                        return None
                    return _Planned(
                        goal=created["goal"],
                        language=created["language"],
                        planner=event.data["planner"],
                        values=event.data["values"],
                        tasks=event.data["tasks"],
                    )
                case _:
                    continue
        return None

    async def _learn(self, workspace_id: str, run_id: str, planned: _Planned, cost: int | None) -> None:
        if len(canonical.dumps(planned.tasks)) > MOST_BYTES:
            return
        vector: tuple[float, ...] = ()
        try:
            vector = await vector_of(self._embedder, planned.goal)
        except FlowmatikError as error:
            log.warning("a case is learned without an embedding", extra={"error": error.message})
        lesson = Lesson(
            goal=planned.goal,
            language=planned.language,
            planner=planned.planner,
            tasks=planned.tasks,
            run_id=run_id,
            cost_micros=cost,
            embedder=self._embedder.id if self._embedder is not None and vector else "",
            vector=vector,
        )
        await self._cases.learn(workspace_id, lesson)


def _worked(event: CloudEvent) -> bool | None:
    """None for an end that says nothing about the plan. An answer that says that nothing was found is none
    that worked."""
    if event.type == "flowmatik.RunFailed":
        code = str(event.data.get("code", ""))
        return None if code.startswith(NOT_THE_PLAN) else False
    answer: dict[str, Any] = event.data.get("answer") or {}
    return bool(answer.get("found", True))
