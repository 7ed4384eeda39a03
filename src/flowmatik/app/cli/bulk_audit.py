"""`flowmatik bulk list · show`: who treated which runs in bulk, and what became of it."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.bulk_audit import BulkOperation
from flowmatik.core.pages import MOST_LISTED
from flowmatik.kernel import canonical

bulk_app = typer.Typer(help="help.bulk", no_args_is_help=True)


@bulk_app.command("list", help="help.bulk.list")
def list_operations(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="help.bulk.limit")] = 50,
    cursor: Annotated[str, typer.Option(help="help.bulk.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, cursor, limit))


@bulk_app.command("show", help="help.bulk.show")
def show(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="help.bulk.request", metavar="REQUEST_ID")],
) -> None:
    session = session_of(context)
    session.run(_show(session, request))


async def _list(session: Session, cursor: str, limit: int) -> int:
    page = await session.on_backend(
        lambda backend: backend.bulk_audit.list(backend.workspace_id, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(one) for one in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("bulk.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("bulk.begun", "bulk.request", "bulk.action", "bulk.by", "bulk.counts"):
        table.add_column(session.text(key), no_wrap=key == "bulk.request", overflow="fold")
    for one in page.items:
        table.add_row(
            one.begun_at, clean(one.request_id), clean(one.action), clean(one.by), _counts(session, one)
        )
    session.out.print(table)
    if page.next:
        session.say("bulk.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, request: str) -> int:
    one = await session.on_backend(lambda backend: backend.bulk_audit.get(backend.workspace_id, request))
    if session.json:
        session.print_json(dataclasses.asdict(one))
        return ExitCode.OK
    session.print(f"{one.begun_at}  {clean(one.action)}  {clean(one.by)}")
    session.print(clean(canonical.dumps(one.asked)))
    session.print(_counts(session, one))
    for failure in one.failures:
        session.print(f"✗ {failure.run_id}: {clean(failure.message)} [{failure.code}]")
    if one.unended:
        session.say("bulk.unended", count=one.unended)
    return ExitCode.OK


def _counts(session: Session, one: BulkOperation) -> str:
    counts = {"matched": one.matched, "done": one.done, "passed": one.passed, "failed": one.failed}
    return session.text("bulk.told", **counts)
