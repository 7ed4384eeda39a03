"""`flowmatik bus …`: what subscribers of the event bus refused, and to hand it over again."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode

bus_app = typer.Typer(help="help.bus", no_args_is_help=True)


@bus_app.command("dead-letters", help="help.bus.dead_letters")
def dead_letters(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="help.runs.limit")] = 20,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(show_letters(session, limit, cursor))


@bus_app.command("redrive", help="help.bus.redrive")
def redrive(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="help.bus.subscriber", metavar="SUBSCRIBER")],
    run_id: Annotated[str, typer.Argument(help="help.runs.id", metavar="RUN_ID")],
) -> None:
    session = session_of(context)
    session.run(hand_over(session, subscriber, run_id))


async def show_letters(session: Session, limit: int, cursor: str) -> int:
    page = await session.on_backend(
        lambda backend: backend.dead_letters.list(backend.workspace_id, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(item) for item in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("bus.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("bus.subscriber", "bus.run", "bus.seq", "bus.at", "bus.error"):
        table.add_column(session.text(key), no_wrap=True, overflow="ellipsis")
    for item in page.items:
        error = clean(" ".join(item.error.split()))
        table.add_row(clean(item.subscriber), item.run_id, str(item.seq), item.at[:19], error)
    session.out.print(table)
    if page.next:
        session.say("bus.more", cursor=page.next)
    return ExitCode.OK


async def hand_over(session: Session, subscriber: str, run_id: str) -> int:
    done = await session.on_backend(
        lambda backend: backend.dead_letters.redrive(backend.workspace_id, subscriber, run_id)
    )
    if session.json:
        session.print_json(dataclasses.asdict(done))
    elif done.asked:
        session.print(session.text("bus.asked", subscriber=subscriber))
    else:
        session.print(session.text("bus.redriven", handled=done.handled, subscriber=subscriber))
        for letter in done.left:
            session.print(session.text("bus.left", seq=letter.seq, error=" ".join(letter.error.split())))
    if done.asked:
        return ExitCode.WAITING
    return ExitCode.FAILED if done.left else ExitCode.OK
