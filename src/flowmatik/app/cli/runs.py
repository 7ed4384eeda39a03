"""`flowmatik runs …`: look at runs and steer them."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import cascade_line, check_line, plan_line, show_run, task_line, usd
from flowmatik.app.cli.bulk import bulk_command
from flowmatik.app.cli.event_view import difference_line, event_line
from flowmatik.app.cli.following import follow_to_end, told_on_interrupt
from flowmatik.app.cli.plan_view import alternative_lines, change_line, declined_lines, estimate_lines
from flowmatik.app.cli.router import feedback_command
from flowmatik.app.cli.run_filters import Agent, Since, Statuses, Tags, Text, Until, filter_of
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.cli.signal import signal_command
from flowmatik.app.cli.watch import Following
from flowmatik.app.cli.why_view import why_lines
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.runs import EVERY_RUN, RunFilter, RunView
from flowmatik.kernel.errors import Conflict, InvalidInput
from flowmatik.kernel.events import CloudEvent

runs_app = typer.Typer(help="help.runs", no_args_is_help=True)
runs_app.command("signal", help="help.runs.signal")(signal_command)

runs_app.command("bulk", help="help.runs.bulk")(bulk_command)
runs_app.command("feedback", help="help.runs.feedback")(feedback_command)

RunId = Annotated[str, typer.Argument(help="help.runs.id", metavar="RUN_ID")]


@runs_app.command("list", help="help.runs.list")
def list_runs(
    context: typer.Context,
    status: Statuses = None,
    agent: Agent = "",
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    text: Text = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="help.runs.limit")] = 20,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, filter_of(status, agent, tag, since, until, text), limit, cursor))


@runs_app.command("show", help="help.runs.show")
def show(
    context: typer.Context,
    run_id: RunId,
    why: Annotated[bool, typer.Option("--why", help="help.runs.why")] = False,
) -> None:
    session = session_of(context)
    session.run(_show(session, run_id, why=why))


@runs_app.command("logs", help="help.runs.logs")
def logs(
    context: typer.Context,
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="help.runs.follow")] = False,
) -> None:
    session = session_of(context)
    session.run(_logs(session, run_id, follow=follow))


@runs_app.command("cancel", help="help.runs.cancel")
def cancel(
    context: typer.Context,
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="help.runs.reason", show_default=False)] = "",
    hard: Annotated[bool, typer.Option("--hard", help="help.runs.hard")] = False,
) -> None:
    session = session_of(context)
    session.run(cancel_run(session, run_id, reason, hard=hard))


@runs_app.command("resume", help="help.runs.resume")
def resume(
    context: typer.Context,
    run_id: RunId,
    resolve: Annotated[
        list[str] | None, typer.Option(help="help.runs.resolve", metavar="CALL_ID=done|repeat|failed")
    ] = None,
) -> None:
    session = session_of(context)
    session.run(_resume(session, run_id, _resolutions(resolve or [])))


async def _list(session: Session, wanted: RunFilter, limit: int, cursor: str) -> int:
    page = await session.on_backend(
        lambda backend: backend.runs.list(backend.workspace_id, wanted, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(item) for item in page.items]
        session.print_json({"items": items, "next": page.next or None, "currency": "USD"})
        return ExitCode.OK
    if not page.items:
        session.say("runs.none" if wanted == EVERY_RUN else "runs.none_such")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("runs.id", "runs.status", "runs.created", "runs.cost", "runs.tags", "runs.goal"):
        table.add_column(session.text(key), no_wrap=True, overflow="ellipsis")
    for item in page.items:
        state = session.text(f"status.{item.status.value}")
        goal = clean(" ".join(item.goal.split()))
        tags = clean(" ".join(item.tags))
        table.add_row(item.id, state, item.created_at[:19], usd(item.cost_micros), tags, goal)
    session.out.print(table)
    if page.next:
        session.say("runs.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, run_id: str, *, why: bool) -> int:
    view = await session.on_backend(lambda backend: backend.runs.get(backend.workspace_id, run_id))
    if session.json:
        session.print_json(dataclasses.asdict(view))
        return ExitCode.OK
    state = session.text(f"status.{view.status.value}")
    session.print(session.text("runs.heading", goal=" ".join(view.goal.split()), status=state))
    if view.planner:
        session.print(plan_line(session, view))
        _show_plan(session, view, why=why)
    for task in view.tasks:
        session.print(task_line(session, task))
        for check in task.checks:
            session.print("    " + check_line(session, check))
        if task.cascade is not None:
            session.print("    " + cascade_line(session, task.cascade))
        for line in why_lines(session, task) if why else ():
            session.print("    " + line)
    session.print()
    show_run(session, view)
    return ExitCode.OK


def _show_plan(session: Session, view: RunView, *, why: bool) -> None:
    for line in estimate_lines(session, view.estimate):
        session.print("  " + line)
    if why:
        for line in (*declined_lines(session, view), *alternative_lines(session, view.alternatives)):
            session.print("  " + line)
    for change in view.changes:
        session.print("  " + change_line(session, change))


async def _logs(session: Session, run_id: str, *, follow: bool) -> int:
    collected: list[CloudEvent] = []

    async def work(backend: Backend) -> None:
        seen = collected[-1].seq if collected else 0
        events = backend.runs.events(backend.workspace_id, run_id, after_seq=seen, follow=follow)
        with told_on_interrupt(session, backend, run_id):
            async for event in events:
                collected.append(event)
                if not session.json:
                    session.print(event_line(session, event))
                elif follow:
                    session.print_line(orjson.dumps(event.to_json()).decode())

    await session.on_backend(work)
    if session.json and not follow:
        session.print_json({"items": [event.to_json() for event in collected], "next": None})
    return ExitCode.OK


async def cancel_run(session: Session, run_id: str, reason: str, *, hard: bool = False) -> int:
    tries = 0

    async def work(backend: Backend) -> RunView:
        nonlocal tries
        tries += 1
        try:
            if hard:
                await backend.control.cancel_hard(backend.workspace_id, run_id, reason=reason)
            else:
                await backend.runs.cancel(backend.workspace_id, run_id, reason=reason)
        except Conflict as error:  # the process that was asked before has ended with its run
            if tries == 1 or error.code != "conflict.run_ended":
                raise
        return await backend.runs.wait(backend.workspace_id, run_id)

    view = await session.on_backend(work)
    if session.json:
        session.print_json({"run_id": run_id, "status": view.status.value})
    else:
        session.say("runs.cancelled", run_id=run_id, status=session.text(f"status.{view.status.value}"))
    return ExitCode.OK


async def _resume(session: Session, run_id: str, resolutions: dict[str, str]) -> int:
    following = Following(run_id=run_id)

    async def work(backend: Backend) -> int:
        before = await backend.runs.get(backend.workspace_id, run_id)
        again = following.seen > 0
        following.seen = following.seen or before.head_seq
        if not (again and before.status.ended):
            undecided = {call.call_id for call in before.in_doubt}
            left = {call: word for call, word in resolutions.items() if not again or call in undecided}
            await backend.runs.resume(backend.workspace_id, run_id, resolutions=left or None)
        return await follow_to_end(session, backend, following)

    return await session.on_backend(work)


async def replay_stored(session: Session, run_id: str, against: str) -> int:
    other = await asyncio.to_thread(other_version, against)
    report = await session.on_backend(
        lambda backend: backend.runs.replay(backend.workspace_id, run_id, against=other)
    )
    if session.json:
        session.print_json(dataclasses.asdict(report))
    else:
        session.print(session.text("runs.replayed", events=report.events, decisions=report.decisions))
        for difference in report.differences:
            session.print(f"✗ {difference_line(session, difference)}")
        told = f"runs.{'differs' if report.differences else 'same'}{'.against' if report.against else ''}"
        session.print(session.text(told, against=report.against))
    return ExitCode.FAILED if report.differences else ExitCode.OK


def other_version(against: str) -> "str | AgentVersion":
    """A profile where a file is named, which no catalogue need know."""
    path = Path(against)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return against
    from flowmatik.agents import parse_profile

    return parse_profile(path.read_text(encoding="utf-8"), filename=path.name)


def _resolutions(given: list[str]) -> dict[str, str]:
    resolutions: dict[str, str] = {}
    for item in given:
        call_id, _, decision = item.partition("=")
        if not call_id or decision not in ("done", "repeat", "failed"):
            raise InvalidInput(
                f"{item!r} decides nothing; write CALL_ID=done, CALL_ID=repeat or CALL_ID=failed",
                code="input.resolution",
                context={"value": item},
            )
        resolutions[call_id] = decision
    return resolutions
