"""Showing a run until it ends, and what comes of it."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from flowmatik.app import exit_codes
from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import show_next, show_run
from flowmatik.app.cli.session import Session
from flowmatik.app.cli.watch import Following, follow, watcher_for
from flowmatik.contracts.runs import RunView
from flowmatik.kernel.errors import FlowmatikError


async def follow_to_end(session: Session, backend: Backend, following: Following) -> int:
    """Show a run until it ends. Ctrl-C leaves it as it is, to be continued."""
    with told_on_interrupt(session, backend, following.run_id):
        view = await follow(backend, following, watcher_for(session))
    show_result(session, view)
    return exit_codes.of_run(view)


@contextmanager
def told_on_interrupt(session: Session, backend: Backend, run_id: str) -> Generator[None]:
    """On Ctrl-C say how the run goes on: without us nobody drives it, a server does so all the same."""
    try:
        yield
    except asyncio.CancelledError:
        session.say("run.interrupted" if backend.here else "run.left", run_id=run_id, where=backend.where)
        if session.json:
            _print_interrupted(session, run_id)
        raise


def _print_interrupted(session: Session, run_id: str) -> None:
    from flowmatik.app.run_output import error_line

    message = f"interrupted; `flowmatik runs resume {run_id}` continues it"
    error = FlowmatikError(message, code="run.interrupted", context={"run_id": run_id})
    session.print_line(error_line(error).line())


def show_result(session: Session, view: RunView) -> None:
    if session.json:
        print_result(session, view)
        return
    session.err.print()
    show_run(session, view)
    show_next(session, view)


def print_result(session: Session, view: RunView) -> None:
    from flowmatik.app.run_output import result_of  # pydantic would slow every --help down

    session.print_line(result_of(view).line())
