"""`flowmatik factory list|keep|retire`: agents that were composed for tasks that nobody fits."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.agent_versions import Reason, author
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode

factory_app = typer.Typer(help="help.factory", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.agents.name", metavar="NAME")]
COLUMNS = ("agents.name", "factory.need", "agents.state", "factory.results", "agents.made", "evaluate.why")


@factory_app.command("list", help="help.factory.list")
def list_composed(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@factory_app.command("keep", help="help.factory.keep")
def keep(context: typer.Context, name: Name, reason: Reason = "") -> None:
    session = session_of(context)
    session.run(_keep(session, name, reason))


@factory_app.command("retire", help="help.factory.retire")
def retire(context: typer.Context, name: Name, reason: Reason = "") -> None:
    session = session_of(context)
    session.run(_retire(session, name, reason))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.factory.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in COLUMNS:
        table.add_column(session.text(key))
    for one in found:
        state, results = session.text(f"factory.{one.state}"), f"+{one.succeeded} -{one.failed}"
        table.add_row(one.name, one.need, state, results, one.made_at[:19], clean(one.why))
    session.out.print(table)
    return ExitCode.OK


async def _keep(session: Session, name: str, reason: str) -> int:
    async with session.backend() as backend:
        agent = await backend.factory.keep(backend.workspace_id, name, author(backend, reason))
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        session.print(session.text("agents.applied", ref=agent.ref()))
    return ExitCode.OK


async def _retire(session: Session, name: str, reason: str) -> int:
    async with session.backend() as backend:
        await backend.factory.retire(backend.workspace_id, name, author(backend, reason))
    if session.json:
        session.print_json({"retired": name})
    else:
        session.say("agents.removed", name=name)
    return ExitCode.OK
