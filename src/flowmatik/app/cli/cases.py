"""`flowmatik cases …`: what was learned about plans, and how to forget it."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.kernel.errors import InvalidInput

cases_app = typer.Typer(help="help.cases", no_args_is_help=True)


@cases_app.command("list", help="help.cases.list")
def list_cases(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@cases_app.command("forget", help="help.cases.forget")
def forget(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(help="help.cases.id", metavar="CASE_ID", show_default=False)] = "",
    every: Annotated[bool, typer.Option("--all", help="help.cases.all")] = False,
) -> None:
    session = session_of(context)
    if bool(case_id) == every:
        raise InvalidInput("name one case, or give --all", code="input.case")
    session.run(_forget(session, case_id))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.cases.list(backend.workspace_id))
    if session.json:
        items = [dataclasses.asdict(one) for one in found]
        session.print_json({"items": items, "next": None, "currency": "USD"})
        return ExitCode.OK
    if not found:
        session.say("cases.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("cases.id", "cases.goal", "cases.tasks", "cases.succeeded", "cases.failed", "cases.state"):
        table.add_column(session.text(key), no_wrap=key == "cases.id", overflow="fold")
    for one in found:
        state = session.text("cases.retired" if one.retired else "cases.active")
        table.add_row(one.id, clean(one.goal), str(one.tasks), str(one.succeeded), str(one.failed), state)
    session.out.print(table)
    return ExitCode.OK


async def _forget(session: Session, case_id: str) -> int:
    async def work(backend: Backend) -> int:
        if not case_id:
            return await backend.cases.forget_all(backend.workspace_id)
        await backend.cases.forget(backend.workspace_id, case_id)
        return 1

    count = await session.on_backend(work)
    if session.json:
        session.print_json({"forgotten": count})
    else:
        session.say("cases.forgotten", count=count)
    return ExitCode.OK
