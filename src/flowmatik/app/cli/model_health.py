"""`flowmatik models health`: how deployments do, and what is wrong with the model list."""

import dataclasses
from collections.abc import Sequence

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.deployments import DeploymentHealth, ListState


def health(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_health(session))


async def _health(session: Session) -> int:
    async def work(backend: Backend) -> tuple[Sequence[DeploymentHealth], ListState]:
        access, here = backend.model_access, backend.workspace_id
        return await access.health(here), await access.list_state(here)

    found, state = await session.on_backend(work)
    if session.json:
        items = [_row(one) for one in found]
        session.print_json({"items": items, "next": None, "list": dataclasses.asdict(state)})
        return ExitCode.OK
    if found:
        _print(session, found)
    else:
        session.say("models.health.none")
    tell_faults(session, state)
    return ExitCode.OK


def tell_faults(session: Session, state: ListState) -> None:
    """Nothing where there are none."""
    if not state.faults:
        return
    since = state.faulty_since.replace("T", " ")[:19]
    session.say("models.list_faults", count=len(state.faults), file=state.file, since=since)
    for one in state.faults:
        values: dict[str, object] = {} if one.place else dict(one.values)
        details = [dataclasses.asdict(one)] if one.place else []
        said = session.text.fault(one.code, {**values, "details": details}, one.text)
        session.say("models.list_fault", said=clean(said))


def _row(one: DeploymentHealth) -> dict[str, object]:
    return {name: value for name, value in dataclasses.asdict(one).items() if name != "durations"}


def _print(session: Session, found: Sequence[DeploymentHealth]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("deployment", "state", "calls", "failed", "p50", "p99", "last"):
        table.add_column(session.text(f"models.health.{name}"), overflow="fold")
    for one in found:
        state = session.text(f"models.state.{one.state}")
        if one.open_seconds and one.state in ("open", "held"):
            state = session.text("models.state.for", state=state, seconds=round(one.open_seconds))
        answered = one.calls.get("ok", 0) + one.calls.get("cached", 0)
        failed = sum(one.calls.values()) - answered
        times = ("–" if ms is None else f"{ms:.0f} ms" for ms in (one.p50_ms, one.p99_ms))
        table.add_row(
            clean(one.id), state, str(sum(one.calls.values())), str(failed), *times, one.last_error or "–"
        )
    session.out.print(table)
