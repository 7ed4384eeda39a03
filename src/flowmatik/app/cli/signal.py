"""`flowmatik runs signal`: tell a waiting run something."""

from typing import Annotated, Any

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.told import gone_on, json_given
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.runs import RunView
from flowmatik.kernel.ids import new_id


def signal_command(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="help.runs.id", metavar="RUN_ID")],
    name: Annotated[str, typer.Argument(help="help.runs.signal.name", metavar="NAME")],
    data: Annotated[
        str | None, typer.Option(help="help.runs.signal.data", metavar="JSON", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(send_signal(session, run_id, name, json_given("--data", data)))


async def send_signal(session: Session, run_id: str, name: str, data: Any) -> int:
    key = new_id("inp")  # sent again, it is still the same signal

    async def work(backend: Backend) -> RunView:
        await backend.signals.signal(backend.workspace_id, run_id, name, data, idempotency_key=key)
        return await gone_on(backend, run_id)

    view = await session.on_backend(work)
    if session.json:
        session.print_json({"run_id": run_id, "signal": name, "status": view.status.value})
    else:
        status = session.text(f"status.{view.status.value}")
        session.say("runs.signalled", name=name, run_id=run_id, status=status)
    return ExitCode.OK
