"""`flowmatik teams …`: who shares the budgets of a team."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode

teams_app = typer.Typer(help="help.teams", no_args_is_help=True)

Team = Annotated[str, typer.Argument(help="help.teams.team", metavar="TEAM")]
Member = Annotated[str, typer.Argument(help="help.teams.member", metavar="USER")]


@teams_app.command("list", help="help.teams.list")
def list_members(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@teams_app.command("add", help="help.teams.add")
def add(context: typer.Context, team: Team, member: Member) -> None:
    session = session_of(context)
    session.run(_add(session, team, member))


@teams_app.command("remove", help="help.teams.remove")
def remove(context: typer.Context, team: Team, member: Member) -> None:
    session = session_of(context)
    session.run(_remove(session, team, member))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.teams.members(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    if not found:
        session.say("teams.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("teams.team", "teams.member", "teams.id"):
        table.add_column(session.text(key))
    for one in found:
        table.add_row(clean(one.team), clean(one.name) or "–", clean(one.principal))
    session.out.print(table)
    return ExitCode.OK


async def _add(session: Session, team: str, member: str) -> int:
    added = await session.on_backend(lambda backend: backend.teams.add(backend.workspace_id, team, member))
    if session.json:
        session.print_json(dataclasses.asdict(added))
    else:
        session.say("teams.added", team=added.team, member=added.name or added.principal)
    return ExitCode.OK


async def _remove(session: Session, team: str, member: str) -> int:
    await session.on_backend(lambda backend: backend.teams.remove(backend.workspace_id, team, member))
    if session.json:
        session.print_json({"team": team, "member": member, "removed": True})
    else:
        session.say("teams.removed", team=team, member=member)
    return ExitCode.OK
