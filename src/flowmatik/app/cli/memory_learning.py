"""`flowmatik memory learning …`: what answers have taught searches."""

import dataclasses
from collections.abc import Awaitable, Callable

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.memory_repair import memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.memory_learning import LearnedLegs

__all__ = ["memory_app"]
learning_app = typer.Typer(help="help.memory.learning", no_args_is_help=True)
memory_app.add_typer(learning_app, name="learning")


@learning_app.command("show", help="help.memory.learning.show")
def show(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_told(session, lambda backend: backend.memory_learning.show(backend.workspace_id)))


@learning_app.command("reset", help="help.memory.learning.reset")
def reset(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_told(session, lambda backend: backend.memory_learning.reset(backend.workspace_id)))


async def _told(session: Session, ask: Callable[[Backend], Awaitable[LearnedLegs]]) -> int:
    found = await session.on_backend(ask)
    if session.json:
        session.print_json(dataclasses.asdict(found))
        return ExitCode.OK
    if not found.answers:
        session.say("memory.learned.nothing")
        return ExitCode.OK
    for one in found.legs:
        part = session.text(f"memory.leg.{one.leg}")
        session.print(
            session.text("memory.learned", part=part, value=f"{one.multiplier:.2f}", answers=one.answers)
        )
    return ExitCode.OK
