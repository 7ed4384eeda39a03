"""Evaluates an agent: each case of a set is a real run of that version, scored by its checks."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowmatik.app.backend import Backend
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.channels import Evaluation
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.kernel.errors import DocumentError, InvalidInput
from flowmatik.kernel.ids import new_id

if TYPE_CHECKING:
    from flowmatik.agents import EvaluationSet

AT_ONCE = 4
TAG = "evaluation"
RESEARCHER = "researcher"
# A run that failed like this says nothing of the agent: nobody answered, or nobody may be asked.
_NOT_THE_AGENT = ("model.", "unavailable", "rate.", "budget.", "engine.", "run.cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """`ran` is False when the run ended by something else than the agent; `checks` as (check, passed,
    detail)."""

    name: str
    run_id: str
    passed: bool
    ran: bool = True
    answer: str = ""
    error: str = ""
    checks: tuple[tuple[str, bool, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """`status`: "scored" and recorded; "not_with_this_model", for the set needs a hosted one, so that nothing
    was scored; "incomplete" when cases could not be run, so that nothing was recorded. `score` is None unless
    it was scored."""

    agent: str
    version: str
    model: str
    set_name: str
    set_hash: str
    status: Literal["scored", "not_with_this_model", "incomplete"]
    n: int
    score: float | None = None
    cases: tuple[CaseResult, ...] = field(default=())


async def evaluate(backend: Backend, agent: AgentVersion, given: "EvaluationSet") -> EvaluationResult:
    """Raises InvalidInput for a set of another agent, and what the platform raises."""
    if given.file.agent != agent.name:
        raise InvalidInput(
            f"the evaluation set {given.name!r} is for the agent {given.file.agent!r}, not for "
            f"{agent.name!r}",
            code="input.evaluation_of",
            context={"set": given.name, "wanted": given.file.agent, "agent": agent.name},
        )
    async with _documents(backend, given) as sources:
        views, results = await _run(backend, agent, given, sources)
    model = ", ".join(sorted({model for view in views for model in view.models}))
    base: dict[str, Any] = {
        "agent": agent.name,
        "version": agent.version,
        "model": model,
        "set_name": given.name,
        "set_hash": given.hash,
        "n": len(given.file.cases),
    }
    if not results:
        return EvaluationResult(status="not_with_this_model", **base)
    if not all(result.ran for result in results):
        return EvaluationResult(status="incomplete", cases=tuple(results), **base)
    score = sum(result.passed for result in results) / len(results)
    await backend.versions.record_evaluation(
        backend.workspace_id,
        Evaluation(
            name=agent.name,
            version=agent.version,
            set_name=given.name,
            set_hash=given.hash,
            score=score,
            n=len(results),
            model=model,
            by=backend.principal.name or backend.principal.id,
        ),
    )
    return EvaluationResult(status="scored", score=score, cases=tuple(results), **base)


async def _run(
    backend: Backend, agent: AgentVersion, given: "EvaluationSet", sources: tuple[str, ...]
) -> tuple[list[RunView], list[CaseResult]]:
    """No results when the first run shows that the set needs another model."""
    from flowmatik.agents import score_answer

    cases, some = given.file.cases, asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> RunView:
        async with some:
            run_id = await backend.runs.create(backend.workspace_id, _new_run(given, place, agent, sources))
            return await backend.runs.wait(backend.workspace_id, run_id)

    first = await one(0)
    local = bool(first.models) and all(model.startswith("local/") for model in first.models)
    if given.file.needs == "hosted_model" and local:
        return [first], []
    views = [first, *await asyncio.gather(*(one(place) for place in range(1, len(cases))))]
    results: list[CaseResult] = []
    for case, view in zip(cases, views, strict=True):
        if view.status is not RunStatus.SUCCEEDED:
            ran = view.status is RunStatus.FAILED and not view.error_code.startswith(_NOT_THE_AGENT)
            error = f"{view.status.value}: {view.error_code} {view.error}".strip()
            results.append(CaseResult(name=case.name, run_id=view.id, passed=False, ran=ran, error=error))
            continue
        answer = view.answer or Answer(text="", found=False)
        checked = score_answer(case.checks, answer)
        results.append(
            CaseResult(
                name=case.name,
                run_id=view.id,
                passed=all(check.passed for check in checked),
                answer=answer.text,
                checks=tuple((check.check, check.passed, check.detail) for check in checked),
            )
        )
    return views, results


def _new_run(given: "EvaluationSet", place: int, agent: AgentVersion, sources: tuple[str, ...]) -> NewRun:
    case = given.file.cases[place]
    goal = f"{case.input}\n\n{case.material}" if case.material else case.input
    plan: tuple[PlanTask, ...] = ()
    if case.gathers:
        asked = [
            PlanTask(id=f"g{n}", objective=question, run=SubRunSpec(goal=question, agent=RESEARCHER))
            for n, question in enumerate(case.gathers, start=1)
        ]
        writing = PlanTask(
            id="w",
            objective=goal,
            skill="writing",
            agent=agent.name,
            needs=tuple(task.id for task in asked),
        )
        plan = (*asked, writing)
    return NewRun(goal=goal, agent=agent.ref(), sources=sources, plan=plan, tags=(TAG,))


@asynccontextmanager
async def _documents(backend: Backend, given: "EvaluationSet") -> AsyncGenerator[tuple[str, ...]]:
    """The set's documents in memory while it lasts, under names that no others have; runs read only them."""
    if not given.file.documents:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="flowmatik-") as parent:
        folder = Path(parent) / new_id("evl")
        await asyncio.to_thread(_write, folder, given.file.documents)
        sources: list[str] = []
        try:
            async for step in backend.memory.ingest(backend.workspace_id, [folder]):
                if step.outcome == "skipped":
                    raise DocumentError(
                        f"the document {step.source!r} of the evaluation set cannot be read: {step.reason}",
                        code="document.evaluation",
                        context={"name": step.source, "said": step.reason},
                    )
                if step.outcome != "deleted":
                    sources.append(step.source)
            yield tuple(sources)
        finally:
            for source in sources:
                await backend.memory.remove(backend.workspace_id, source)


def _write(folder: Path, documents: dict[str, str]) -> None:
    folder.mkdir(mode=0o700)
    for name, text in documents.items():
        (folder / name).write_text(text, encoding="utf-8")
