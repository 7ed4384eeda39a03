"""`flowmatik run`: a goal in, an answer with its sources out."""

import asyncio
import dataclasses
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmatik.app import exit_codes
from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import show_next, show_run
from flowmatik.app.cli.ingest_view import ingest, no_such_path
from flowmatik.app.cli.playbooks import parameters_of
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.watch import Following, follow, watcher_for
from flowmatik.app.examples import quickstart_goal
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.setting_values import dollars
from flowmatik.contracts.memory import IngestProgress
from flowmatik.contracts.runs import MAX_PRIORITY, NewRun, RunView
from flowmatik.kernel.errors import DocumentError, FlowmatikError, InvalidInput, PlanInvalid
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
    thread: str = ""


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
        thread=thread,
    )
    if thread:
        from flowmatik.app.cli.run_in_thread import run_in_thread  # which shows what it runs as this does

        session.run(run_in_thread(session, request))
    else:
        session.run(run_goal(session, request))


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


async def follow_to_end(session: Session, backend: Backend, following: Following) -> int:
    """Show a run until it ends. Ctrl-C leaves it as it is, to be continued."""
    with told_on_interrupt(session, backend, following.run_id):
        view = await follow(backend, following, watcher_for(session))
    show_result(session, view)
    return exit_codes.of_run(view)


@contextmanager
def told_on_interrupt(session: Session, backend: Backend, run_id: str) -> Generator[None]:
    """On Ctrl-C say how the run goes on: without us nobody drives it, a server does so all the same."""
    try:
        yield
    except asyncio.CancelledError:
        session.say("run.interrupted" if backend.here else "run.left", run_id=run_id, where=backend.where)
        if session.json:
            _print_interrupted(session, run_id)
        raise


def _print_interrupted(session: Session, run_id: str) -> None:
    from flowmatik.app.run_output import error_line

    message = f"interrupted; `flowmatik runs resume {run_id}` continues it"
    error = FlowmatikError(message, code="run.interrupted", context={"run_id": run_id})
    session.print_line(error_line(error).line())


def show_result(session: Session, view: RunView) -> None:
    if session.json:
        _print_result(session, view)
        return
    session.err.print()
    show_run(session, view)
    show_next(session, view)


def _print_result(session: Session, view: RunView) -> None:
    from flowmatik.app.run_output import result_of  # pydantic would slow every --help down

    session.print_line(result_of(view).line())


async def _submitted(session: Session, backend: Backend, run_id: str) -> int:
    if session.json:
        view = await backend.runs.get(backend.workspace_id, run_id)
        _print_result(session, view)
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
