"""`flowmatik router …`: what the router learned; and `flowmatik runs feedback`, which tells it."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import orjson
import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import usd
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.cli.telling import done
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.routing import MAX_STATE_BYTES, Feedback, RouterView
from flowmatik.kernel.errors import InvalidInput

router_app = typer.Typer(help="help.router", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="help.router.file", metavar="FILE")]


@router_app.command("show", help="help.router.show")
def show_router(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_shown(session, lambda backend: backend.router.show(backend.workspace_id)))


@router_app.command("export", help="help.router.export")
def export_router(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_export(session))


@router_app.command("import", help="help.router.import")
def import_router(context: typer.Context, file: File) -> None:
    session = session_of(context)
    session.run(_import(session, file))


@router_app.command("reset", help="help.router.reset")
def reset_router(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_shown(session, lambda backend: backend.router.reset(backend.workspace_id)))


@router_app.command("rollback", help="help.router.rollback")
def roll_back(
    context: typer.Context,
    version: Annotated[int, typer.Argument(help="help.router.version", metavar="VERSION", min=0)],
) -> None:
    session = session_of(context)
    session.run(_shown(session, lambda backend: backend.router.rollback(backend.workspace_id, version)))


@router_app.command("explore", help="help.router.explore")
def explore(
    context: typer.Context,
    state: Annotated[Literal["on", "off"], typer.Argument(help="help.router.state", metavar="on|off")],
) -> None:
    session = session_of(context)
    on = state == "on"
    session.run(_shown(session, lambda backend: backend.router.explore(backend.workspace_id, on=on)))


def feedback_command(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="help.runs.id", metavar="RUN_ID")],
    good: Annotated[bool | None, typer.Option("--good/--bad", help="help.feedback.good")] = None,
    task: Annotated[str, typer.Option(help="help.feedback.task", show_default=False)] = "",
    note: Annotated[str, typer.Option(help="help.feedback.note", show_default=False)] = "",
) -> None:
    session = session_of(context)
    if good is None:
        raise InvalidInput("say --good or --bad", code="input.feedback")
    session.run(_feedback(session, Feedback(run_id=run_id, good=good, task_id=task, note=note)))


async def _shown(session: Session, ask: Callable[[Backend], Awaitable[RouterView]]) -> int:
    return await done(session, ask, _print_router)


def _print_router(session: Session, view: RouterView) -> None:
    exploring = session.text("router.exploring" if view.explore else "router.not_exploring")
    session.print(session.text("router.version", version=view.version, exploring=exploring))
    if not view.routes:
        session.say("router.nothing")
        return
    table = Table(box=None, pad_edge=False)
    for key in ("router.agent", "router.type", "router.good", "router.bad", "router.cost", "router.seconds"):
        table.add_column(session.text(key))
    for one in view.routes:
        cost = "–" if one.cost_micros is None else usd(round(one.cost_micros))
        seconds = "–" if one.seconds is None else f"{one.seconds:.1f}"
        table.add_row(
            clean(f"{one.agent} ({one.model})" if one.model else one.agent),
            clean(one.task_type),
            f"{one.good:.1f}",
            f"{one.bad:.1f}",
            cost,
            seconds,
        )
    session.out.print(table)


async def _export(session: Session) -> int:
    state = await session.on_backend(lambda backend: backend.router.export(backend.workspace_id))
    session.print_json(dict(state))
    return ExitCode.OK


async def _import(session: Session, file: Path) -> int:
    state = await asyncio.to_thread(_read, file)
    return await _shown(session, lambda backend: backend.router.import_state(backend.workspace_id, state))


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_STATE_BYTES:
            raise ValueError(f"it is larger than {MAX_STATE_BYTES} bytes")
        body: object = orjson.loads(file.read_bytes())
        if not isinstance(body, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{str(file)!r} is no state of a router: {error}; take what `flowmatik router export` wrote",
            code="input.router_state",
            context={"said": str(error)},
        ) from error
    return cast("dict[str, Any]", body)


async def _feedback(session: Session, feedback: Feedback) -> int:
    async def work(backend: Backend) -> tuple[str, ...]:
        said = dataclasses.replace(feedback, by=backend.principal.id)
        return await backend.router.feedback(backend.workspace_id, said)

    tasks = await session.on_backend(work)
    if session.json:
        session.print_json({"run_id": feedback.run_id, "tasks": list(tasks)})
    else:
        session.say("feedback.taken", tasks=", ".join(tasks))
    return ExitCode.OK
