"""`flowmatik limits …`: how much a workspace may have at once, and how fast."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.limits import EVERYWHERE, Limit

limits_app = typer.Typer(help="help.limits", no_args_is_help=True)

Scope = Annotated[str, typer.Argument(help="help.limits.scope", metavar="SCOPE")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="help.limits.everywhere")]


@limits_app.command("list", help="help.limits.list")
def list_limits(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@limits_app.command("set", help="help.limits.set")
def set_limit(
    context: typer.Context,
    scope: Scope,
    most: Annotated[int | None, typer.Option(help="help.limits.most", show_default=False)] = None,
    per_minute: Annotated[
        float | None, typer.Option(help="help.limits.per_minute", show_default=False)
    ] = None,
    burst: Annotated[int | None, typer.Option(help="help.limits.burst", show_default=False)] = None,
    weight: Annotated[float, typer.Option(help="help.limits.weight")] = 1.0,
    everywhere: Everywhere = False,
) -> None:
    session = session_of(context)
    limit = Limit(
        workspace_id=EVERYWHERE, scope=scope, most=most, weight=weight, per_minute=per_minute, burst=burst
    )
    session.run(_set(session, limit, everywhere=everywhere))


@limits_app.command("lift", help="help.limits.lift")
def lift(context: typer.Context, scope: Scope, everywhere: Everywhere = False) -> None:
    session = session_of(context)
    session.run(_lift(session, scope, everywhere=everywhere))


async def _list(session: Session) -> int:
    limits = await session.on_backend(lambda backend: backend.limits.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(limit) for limit in limits], "next": None})
        return ExitCode.OK
    if not limits:
        session.say("limits.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("limits.where", "limits.scope", "limits.most", "limits.rate", "limits.weight"):
        table.add_column(session.text(key))
    for limit in limits:
        where = clean(limit.workspace_id) or session.text("limits.all")
        most = "–" if limit.most is None else str(limit.most)
        rate = "–" if limit.per_minute is None else f"{limit.per_minute:g}"
        table.add_row(where, clean(limit.scope), most, rate, f"{limit.weight:g}")
    session.out.print(table)
    return ExitCode.OK


async def _set(session: Session, limit: Limit, *, everywhere: bool) -> int:
    async def work(backend: Backend) -> Limit:
        place = EVERYWHERE if everywhere else backend.workspace_id
        placed = dataclasses.replace(limit, workspace_id=place)
        await backend.limits.put(placed)
        return placed

    placed = await session.on_backend(work)
    if session.json:
        session.print_json(dataclasses.asdict(placed))
    else:
        session.say("limits.placed", scope=placed.scope)
    return ExitCode.OK


async def _lift(session: Session, scope: str, *, everywhere: bool) -> int:
    async def work(backend: Backend) -> None:
        await backend.limits.lift(EVERYWHERE if everywhere else backend.workspace_id, scope)

    await session.on_backend(work)
    if session.json:
        session.print_json({"scope": scope, "lifted": True})
    else:
        session.say("limits.lifted", scope=scope)
    return ExitCode.OK
