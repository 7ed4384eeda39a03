"""`flowmatik agents …`: profiles and their versions."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import catalogue
from flowmatik.contracts.agents import AgentVersion
from flowmatik.kernel.errors import NotFound

agents_app = typer.Typer(help="help.agents", no_args_is_help=True)

ProfileFile = Annotated[Path, typer.Argument(help="help.agents.file", metavar="FILE")]


@agents_app.command("list", help="help.agents.list")
def list_agents(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@agents_app.command("show", help="help.agents.show")
def show(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(help="help.agents.ref", metavar="NAME[@VERSION]")],
) -> None:
    session = session_of(context)
    session.run(_show(session, ref))


@agents_app.command("apply", help="help.agents.apply")
def apply(context: typer.Context, file: ProfileFile) -> None:
    session = session_of(context)
    session.run(_apply(session, file))


@agents_app.command("validate", help="help.agents.validate")
def validate(context: typer.Context, file: ProfileFile) -> None:
    from flowmatik.agents.profiles import parse_profile

    session = session_of(context)
    agent = parse_profile(_read(file), filename=str(file))
    if session.json:
        session.print_json({"valid": True, "ref": agent.ref()})
    else:
        session.print(session.text("agents.valid", ref=agent.ref()))


async def _list(session: Session) -> int:
    agents = await session.on_backend(lambda backend: backend.agents.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(agent) for agent in agents], "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("agents.name", "agents.version", "agents.role", "agents.skills", "agents.summary"):
        table.add_column(session.text(key))
    for agent in agents:
        table.add_row(
            agent.name, agent.version, agent.role, ", ".join(agent.skills), clean(summary(session, agent))
        )
    session.out.print(table)
    return ExitCode.OK


async def _show(session: Session, ref: str) -> int:
    agent = await session.on_backend(lambda backend: backend.agents.get(backend.workspace_id, ref))
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        _print_agent(session, agent)
    return ExitCode.OK


async def _apply(session: Session, file: Path) -> int:
    text = _read(file)
    agent = await session.on_backend(
        lambda backend: backend.agents.apply(backend.workspace_id, text, filename=str(file))
    )
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        session.print(session.text("agents.applied", ref=agent.ref()))
    return ExitCode.OK


def _print_agent(session: Session, agent: AgentVersion) -> None:
    session.print(f"{agent.ref()} — {summary(session, agent)}")
    pairs = (
        ("agents.role", agent.role),
        ("agents.skills", ", ".join(agent.skills)),
        ("agents.tools", ", ".join(agent.tools)),
        ("agents.model", agent.model or session.text("agents.default_model")),
        ("agents.turns", str(agent.max_turns)),
    )
    for key, value in pairs:
        session.print(f"{session.text(key)}: {value or '–'}")
    session.print()
    session.print(agent.instructions)


def summary(session: Session, agent: AgentVersion) -> str:
    """The profile's own; that of a shipped profile in the person's language."""
    key = f"agents.shipped.{agent.name}"
    shipped = catalogue("en").said(key, {}, "")
    return session.text.said(key, {}, agent.summary) if agent.summary == shipped else agent.summary


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise no_such_path(file) from error
        raise NotFound(
            f"the file {str(file)!r} cannot be read: {error}",
            code="not_found.file",
            context={"path": str(file)},
        ) from error
