"""`flowmatik run`: a goal in, an answer with its sources out."""

import dataclasses
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.following import follow_to_end, print_result
from flowmatik.app.cli.images import read_images
from flowmatik.app.cli.ingest_view import ingest, no_such_path
from flowmatik.app.cli.playbooks import parameters_of
from flowmatik.app.cli.run_in_thread import check_alone, run_in_thread
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.watch import Following
from flowmatik.app.examples import quickstart_goal
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.setting_values import dollars
from flowmatik.contracts.images import Image
from flowmatik.contracts.memory import IngestProgress
from flowmatik.contracts.runs import MAX_PRIORITY, NewRun
from flowmatik.kernel.errors import DocumentError, InvalidInput, PlanInvalid
from flowmatik.kernel.ids import new_id

if TYPE_CHECKING:
    from flowmatik.app.plan_files import PlanFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    goal: str
    docs: tuple[Path, ...]
    agent: str
    budget: str | None
    follow: bool
    tags: tuple[str, ...] = ()
    priority: int = 0
    plan: "PlanFile | None" = None
    playbook: str = ""
    parameters: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()


def run_command(
    context: typer.Context,
    goal: Annotated[str, typer.Argument(help="help.run.goal", metavar="GOAL", show_default=False)] = "",
    docs: Annotated[list[Path] | None, typer.Option("--docs", help="help.run.docs")] = None,
    agent: Annotated[str, typer.Option(help="help.run.agent", show_default=False)] = "",
    budget: Annotated[str | None, typer.Option(help="help.run.budget", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="help.run.tag")] = None,
    priority: Annotated[int, typer.Option(min=-MAX_PRIORITY, max=MAX_PRIORITY, help="help.run.priority")] = 0,
    follow_run: Annotated[bool, typer.Option("--follow/--no-follow", help="help.run.follow")] = True,
    quickstart: Annotated[bool, typer.Option("--quickstart", help="help.run.quickstart")] = False,
    plan: Annotated[
        str, typer.Option("--plan", metavar="FILE", help="help.run.plan", show_default=False)
    ] = "",
    playbook: Annotated[
        str, typer.Option("--playbook", metavar="NAME", help="help.run.playbook", show_default=False)
    ] = "",
    param: Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="help.run.param")] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", metavar="FILE", help="help.run.image")
    ] = None,
    thread: Annotated[
        str, typer.Option(metavar="THREAD_ID", help="help.run.thread", show_default=False)
    ] = "",
) -> None:
    """help.run"""
    session = session_of(context)
    planned = plan_of(plan)
    goal = goal or (planned.goal if planned else "")
    if quickstart and not goal:
        goal = quickstart_goal(session.text.language)
        session.say("run.goal", goal=goal)
    elif quickstart or not (goal.strip() or playbook):
        raise InvalidInput("give a goal, or --quickstart, but not both", code="input.goal_missing")
    request = Request(
        goal=goal,
        docs=tuple(docs or ()),
        agent=agent,
        budget=budget,
        follow=follow_run,
        tags=tuple(tag or ()),
        priority=priority,
        plan=planned,
        playbook=playbook,
        parameters=tuple(param or ()),
        images=read_images(image or ()),
    )
    if thread:
        check_alone(_beside_a_thread(request))
        session.run(run_in_thread(session, thread, goal, follow_run=follow_run))
    else:
        session.run(run_goal(session, request))


def _beside_a_thread(request: Request) -> dict[str, object]:
    return {
        "--agent": request.agent,
        "--budget": request.budget is not None,
        "--docs": request.docs,
        "--image": request.images,
        "--param": request.parameters,
        "--plan": request.plan,
        "--playbook": request.playbook,
        "--priority": request.priority,
        "--tag": request.tags,
    }


async def run_goal(session: Session, request: Request) -> int:
    if request.parameters and not request.playbook:
        raise InvalidInput("--param goes with --playbook", code="input.param_alone")
    budget = budget_of(request.budget)
    _check_documents(request.docs)
    new = NewRun(
        goal=request.goal,
        agent=request.agent,
        budget_micros=budget,
        tags=request.tags,
        priority=request.priority,
        plan=request.plan.plan if request.plan else (),
        playbook=request.playbook,
        images=request.images,
        idempotency_key=new_id("inp"),  # submitted again, it is still the same run
    )
    following = Following()

    async def work(backend: Backend) -> int:
        if request.docs and not following.run_id:
            following.sources = sources_of(await ingest(session, backend, request.docs))
        parameters = await parameters_of(backend, request.playbook, request.parameters)
        asked = dataclasses.replace(new, sources=following.sources, parameters=parameters)
        with placed_in(request.plan):
            following.run_id = await backend.runs.create(backend.workspace_id, asked)
        if not request.follow:
            return await _submitted(session, backend, following.run_id)
        return await follow_to_end(session, backend, following)

    return await session.on_backend(work)


def sources_of(steps: Sequence[IngestProgress]) -> tuple[str, ...]:
    """The documents that were given, by their names in memory. Raises DocumentError when none can be
    read: a run without sources would answer from everything."""
    names = {step.source for step in steps if step.outcome not in ("skipped", "deleted")}
    if not any(step.outcome == "skipped" for step in steps) and not names:
        raise DocumentError(
            "there is no document in what was given with --docs; name a file, or a folder that holds some",
            code="document.nothing",
        )
    if not names:
        raise DocumentError(
            "none of the documents given with --docs can be read; the reasons are above",
            code="document.none",
        )
    return tuple(sorted(names))


async def _submitted(session: Session, backend: Backend, run_id: str) -> int:
    if session.json:
        view = await backend.runs.get(backend.workspace_id, run_id)
        print_result(session, view)
    else:
        session.print(run_id)
        session.say("run.submitted", run_id=run_id)
    return ExitCode.OK


def budget_of(given: str | None) -> int | None:
    try:
        return dollars(given) if given is not None else None
    except ValueError as error:
        raise InvalidInput(
            f"the budget {given!r} is not an amount in US dollars; write for instance 0.50, or 0",
            code="input.budget",
            context={"value": given},
        ) from error


def plan_of(given: str) -> "PlanFile | None":
    """Raises InvalidInput for a file that holds no plan."""
    if not given:
        return None
    from flowmatik.app.plan_files import read_plan  # pydantic would slow every --help down

    return read_plan(given)


@contextmanager
def placed_in(plan: "PlanFile | None") -> Generator[None]:
    """What is said of the plan is said with its lines."""
    try:
        yield
    except PlanInvalid as error:
        if plan is None:
            raise
        raise plan.located(error) from error


def _check_documents(paths: tuple[Path, ...]) -> None:
    for path in paths:
        if not path.exists():
            raise no_such_path(path)
