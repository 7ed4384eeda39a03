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
MENDS = ("failure", "verification", "loop")  # why a plan changes that does not hold
MOST_BYTES = 65_536  # of a plan
# What ended a run with these codes was no fault of its plan.
NOT_THE_PLAN = ("budget", "unavailable", "model", "engine", "auth", "run.deadline", "run.plan", "run.no_plan")


@dataclass(slots=True, kw_only=True)
class _Planned:
    """`mended`: tasks failed by the plan's own fault, and others took their place."""

    goal: str
    language: str
    planner: str
    values: dict[str, Any]
    tasks: list[Any]
    mended: bool = False


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
        worked = worked and not planned.mended
        if planned.planner == "case":
            case_id = str(planned.values.get("case", ""))
            await self._cases.count(event.workspace_id, case_id, run_id, succeeded=worked, cost_micros=cost)
        elif worked:
            await self._learn(event.workspace_id, run_id, planned, cost)

    async def _planned(self, workspace_id: str, run_id: str) -> _Planned | None:
        """What the run was planned by; None for a run that nothing can be learned from."""
        created: dict[str, Any] = {}
        failed: dict[str, str] = {}
        planned: _Planned | None = None
        async for event in self._runs.events(workspace_id, run_id):
            data = event.data
            match event.type:
                case "flowmatik.RunCreated":
                    created = data
                    if created["plan"] or created["agent"]:
                        return None
                case "flowmatik.RunForked":
                    return None  # its plan may be for another goal
                case "flowmatik.PlanAdopted":
                    if data["planner"] not in (*LEARNED, "case"):
                        return None
                    planned = _adopted(created, data)
                case "flowmatik.TaskFailed":
                    failed[data["task_id"]] = data["code"]
                case "flowmatik.PlanChanged" if planned is not None and data["cause"] in MENDS:
                    code = failed.get(data["task_id"], "")
                    planned.mended = planned.mended or not code.startswith(NOT_THE_PLAN)
                case _:
                    continue
        return planned

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


def _adopted(created: dict[str, Any], plan: dict[str, Any]) -> _Planned:
    return _Planned(
        goal=created["goal"],
        language=created["language"],
        planner=plan["planner"],
        values=plan["values"],
        tasks=plan["tasks"],
    )


def _worked(event: CloudEvent) -> bool | None:
    """None for an end that says nothing about the plan. An answer that says that nothing was found, or that
    lacks a part, is none that worked."""
    if event.type == "flowmatik.RunFailed":
        code = str(event.data.get("code", ""))
        return None if code.startswith(NOT_THE_PLAN) else False
    answer: dict[str, Any] = event.data.get("answer") or {}
    codes = [str(part.get("code", "")) for part in answer.get("missing") or ()]
    if codes:
        return None if all(code.startswith(NOT_THE_PLAN) for code in codes) else False
    return bool(answer.get("found", True))
