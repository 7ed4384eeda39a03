"""`flowmatik schedules …`: runs that begin by the clock."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.playbooks import parameters_of
from flowmatik.app.cli.run import budget_of, placed_in, plan_of
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.runs import LANGUAGES, MAX_PRIORITY
from flowmatik.contracts.schedules import (
    MAX_CATCH_UP_SECONDS,
    NewSchedule,
    Overlap,
    Schedule,
    ScheduleChange,
    ScheduledRun,
)
from flowmatik.kernel.canonical import dumps
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.kernel.ids import new_id

if TYPE_CHECKING:
    from flowmatik.app.plan_files import PlanFile

schedules_app = typer.Typer(help="help.schedules", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(help="help.schedules.ref", metavar="SCHEDULE")]


@schedules_app.command("add", help="help.schedules.add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="help.schedules.name", metavar="NAME")],
    cron: Annotated[str, typer.Argument(help="help.schedules.cron", metavar="CRON")],
    goal: Annotated[str, typer.Argument(help="help.run.goal", metavar="GOAL", show_default=False)] = "",
    timezone: Annotated[str, typer.Option(help="help.schedules.timezone")] = "UTC",
    overlap: Annotated[Overlap, typer.Option(help="help.schedules.overlap")] = Overlap.SKIP,
    catch_up: Annotated[
        int, typer.Option(min=0, max=MAX_CATCH_UP_SECONDS, help="help.schedules.catch_up")
    ] = 60,
    agent: Annotated[str, typer.Option(help="help.run.agent", show_default=False)] = "",
    language: Annotated[
        str, typer.Option(help="help.schedules.language", metavar="|".join(LANGUAGES), show_default=False)
    ] = "",
    budget: Annotated[str | None, typer.Option(help="help.run.budget", show_default=False)] = None,
    deadline: Annotated[
        float | None, typer.Option(help="help.schedules.deadline", show_default=False)
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="help.schedules.source")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="help.run.tag")] = None,
    priority: Annotated[int, typer.Option(min=-MAX_PRIORITY, max=MAX_PRIORITY, help="help.run.priority")] = 0,
    paused: Annotated[bool, typer.Option("--paused", help="help.schedules.paused")] = False,
    plan: Annotated[
        str, typer.Option("--plan", metavar="FILE", help="help.run.plan", show_default=False)
    ] = "",
    playbook: Annotated[
        str, typer.Option("--playbook", metavar="NAME", help="help.run.playbook", show_default=False)
    ] = "",
    param: Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="help.run.param")] = None,
) -> None:
    session = session_of(context)
    planned = plan_of(plan)
    run = ScheduledRun(
        goal=goal or (planned.goal if planned else ""),
        agent=agent,
        language=language,
        budget_micros=budget_of(budget),
        deadline_seconds=deadline,
        sources=tuple(source or ()),
        tags=tuple(tag or ()),
        priority=priority,
        plan=planned.plan if planned else (),
        playbook=playbook,
    )
    new = NewSchedule(
        name=name,
        cron=cron,
        run=run,
        timezone=timezone,
        overlap=overlap,
        catch_up_seconds=catch_up,
        paused=paused,
    )
    session.run(_add(session, new, planned, param or []))


@schedules_app.command("list", help="help.schedules.list")
def list_schedules(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="help.runs.limit")] = 20,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, limit, cursor))


@schedules_app.command("show", help="help.schedules.show")
def show(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_show(session, ref))


@schedules_app.command("pause", help="help.schedules.pause")
def pause(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_set_paused(session, ref, paused=True))


@schedules_app.command("resume", help="help.schedules.resume")
def resume(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_set_paused(session, ref, paused=False))


@schedules_app.command("trigger", help="help.schedules.trigger")
def trigger(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_trigger(session, ref))


@schedules_app.command("remove", help="help.schedules.remove")
def remove(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_remove(session, ref))


@schedules_app.command("next", help="help.schedules.next")
def upcoming(
    context: typer.Context,
    ref: Ref,
    count: Annotated[int, typer.Option(min=1, max=100, help="help.runs.limit")] = 5,
) -> None:
    session = session_of(context)
    session.run(_upcoming(session, ref, count))


async def _add(session: Session, new: NewSchedule, planned: "PlanFile | None", given: Sequence[str]) -> int:
    if given and not new.run.playbook:
        raise InvalidInput("--param goes with --playbook", code="input.param_alone")

    async def work(backend: Backend) -> Schedule:
        parameters = await parameters_of(backend, new.run.playbook, given)
        run = dataclasses.replace(new.run, parameters=parameters)
        return await backend.schedules.create(backend.workspace_id, dataclasses.replace(new, run=run))

    with placed_in(planned):
        made = await session.on_backend(work)
    _say(session, made, "schedules.paused" if made.paused else "schedules.added")
    return ExitCode.OK


async def _list(session: Session, limit: int, cursor: str) -> int:
    page = await session.on_backend(
        lambda backend: backend.schedules.list(backend.workspace_id, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(item) for item in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("schedules.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("name", "cron", "timezone", "next", "last_run", "goal"):
        table.add_column(session.text(f"schedules.{key}"), no_wrap=True, overflow="ellipsis")
    for item in page.items:
        at = session.text("schedules.in_pause") if item.paused else item.next_at
        goal = clean(" ".join(item.run.goal.split()) or _called(item.run))
        table.add_row(item.name, item.cron, item.timezone, at, item.last_run_id, goal)
    session.out.print(table)
    if page.next:
        session.say("schedules.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, ref: str) -> int:
    found = await session.on_backend(lambda backend: backend.schedules.get(backend.workspace_id, ref))
    if session.json:
        session.print_json(dataclasses.asdict(found))
        return ExitCode.OK
    values = {
        "name": f"{found.name} ({found.id})",
        "goal": " ".join(found.run.goal.split()),
        "playbook": _called(found.run),
        "cron": found.cron,
        "timezone": found.timezone,
        "overlap": found.overlap.value,
        "catch_up": f"{found.catch_up_seconds} s",
        "tags": " ".join(found.run.tags),
        "next": session.text("schedules.in_pause") if found.paused else found.next_at,
        "queued": found.queued_at,
        "last": found.last_at,
        "last_run": found.last_run_id,
        "error": found.error and f"{found.error} [{found.error_code}]",
    }
    for key, value in values.items():
        if value:
            session.print(f"{session.text(f'schedules.{key}')}: {value}")
    return ExitCode.OK


async def _set_paused(session: Session, ref: str, *, paused: bool) -> int:
    change = ScheduleChange(paused=paused)
    found = await session.on_backend(
        lambda backend: backend.schedules.change(backend.workspace_id, ref, change)
    )
    _say(session, found, "schedules.paused" if paused else "schedules.added")
    return ExitCode.OK


async def _trigger(session: Session, ref: str) -> int:
    key = new_id("inp")  # asked again, it is still the same run
    run_id = await session.on_backend(
        lambda backend: backend.schedules.trigger(backend.workspace_id, ref, idempotency_key=key)
    )
    if session.json:
        session.print_json({"run_id": run_id})
    else:
        session.print(run_id)
        session.say("run.submitted", run_id=run_id)
    return ExitCode.OK


async def _remove(session: Session, ref: str) -> int:
    tries = 0

    async def work(backend: Backend) -> None:
        nonlocal tries
        tries += 1
        try:
            await backend.schedules.remove(backend.workspace_id, ref)
        except NotFound:  # the process that was asked before has ended, but not without removing it
            if tries == 1:
                raise

    await session.on_backend(work)
    if session.json:
        session.print_json({"removed": ref})
    else:
        session.say("schedules.removed", name=ref)
    return ExitCode.OK


async def _upcoming(session: Session, ref: str, count: int) -> int:
    times = await session.on_backend(
        lambda backend: backend.schedules.preview(backend.workspace_id, ref, count=count)
    )
    if session.json:
        session.print_json({"items": times, "next": None})
    else:
        for at in times:
            session.print(at)
    return ExitCode.OK


def _say(session: Session, schedule: Schedule, key: str) -> None:
    if session.json:
        session.print_json(dataclasses.asdict(schedule))
    else:
        session.say(key, name=schedule.name, at=schedule.next_at)


def _called(run: ScheduledRun) -> str:
    """The playbook with its parameters."""
    given = (
        f"{name}={value if isinstance(value, str) else dumps(value)}"
        for name, value in run.parameters.items()
    )
    return " ".join((run.playbook, *given))
