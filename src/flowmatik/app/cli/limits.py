"""`flowmatik limits …`: how much a workspace may have at once, and how fast."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.limits import EVERYWHERE, OPERATORS, Limit

limits_app = typer.Typer(help="help.limits", no_args_is_help=True)

Scope = Annotated[str, typer.Argument(help="help.limits.scope", metavar="SCOPE")]
Workspace = Annotated[str, typer.Option("--workspace", help="help.limits.workspace", show_default=False)]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="help.limits.everywhere")]


@limits_app.command("list", help="help.limits.list")
def list_limits(context: typer.Context, workspace: Workspace = "") -> None:
    session = session_of(context)
    session.run(_list(session, workspace))


@limits_app.command("set", help="help.limits.set")
def set_limit(
    context: typer.Context,
    scope: Scope,
    most: Annotated[int | None, typer.Option(help="help.limits.most", show_default=False)] = None,
    per_minute: Annotated[
        float | None, typer.Option(help="help.limits.per_minute", show_default=False)
    ] = None,
    burst: Annotated[int | None, typer.Option(help="help.limits.burst", show_default=False)] = None,
    weight: Annotated[float | None, typer.Option(help="help.limits.weight", show_default=False)] = None,
    everywhere: Everywhere = False,
    workspace: Workspace = "",
) -> None:
    session = session_of(context)
    limit = Limit(
        workspace_id=EVERYWHERE if everywhere else workspace or OPERATORS,
        scope=scope,
        most=most,
        weight=1.0 if weight is None else weight,
        per_minute=per_minute,
        burst=burst,
    )
    session.run(_set(session, limit, keep_weight=weight is None))


@limits_app.command("lift", help="help.limits.lift")
def lift(
    context: typer.Context, scope: Scope, everywhere: Everywhere = False, workspace: Workspace = ""
) -> None:
    session = session_of(context)
    session.run(_lift(session, scope, EVERYWHERE if everywhere else workspace or OPERATORS))


async def _list(session: Session, workspace: str) -> int:
    limits = await session.on_backend(lambda backend: backend.limits.list(workspace or OPERATORS))
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


async def _set(session: Session, limit: Limit, *, keep_weight: bool) -> int:
    placed = await session.on_backend(lambda backend: backend.limits.put(limit, keep_weight=keep_weight))
    if session.json:
        session.print_json(dataclasses.asdict(placed))
    else:
        session.say("limits.placed", scope=placed.scope)
    return ExitCode.OK


async def _lift(session: Session, scope: str, place: str) -> int:
    await session.on_backend(lambda backend: backend.limits.lift(place, scope))
    if session.json:
        session.print_json({"scope": scope, "lifted": True})
    else:
        session.say("limits.lifted", scope=scope)
    return ExitCode.OK
