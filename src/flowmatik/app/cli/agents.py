"""`flowmatik agents …`: profiles and their versions."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import catalogue
from flowmatik.contracts.agents import AgentVersion
from flowmatik.kernel.errors import ConfigurationError, InvalidInput, NotFound

if TYPE_CHECKING:
    from flowmatik.agents import Inventory

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


@agents_app.command("remove", help="help.agents.remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="help.agents.remove.name", metavar="NAME")],
) -> None:
    session = session_of(context)
    session.run(_remove(session, name))


@agents_app.command("validate", help="help.agents.validate")
def validate(context: typer.Context, file: ProfileFile) -> None:
    from flowmatik.agents import parse_profile

    session = session_of(context)
    agent = parse_profile(_read(file), filename=str(file), inventory=_inventory(session))
    if session.json:
        session.print_json({"valid": True, "ref": agent.ref()})
    else:
        session.print(session.text("agents.valid", ref=agent.ref()))
    _say_unconfigured(session, agent)


def _inventory(session: Session) -> "Inventory":
    """The home's, with its own skills; without a home, what ships."""
    from flowmatik.agents import inventory_of, shipped_tools
    from flowmatik.app.models import known_models
    from flowmatik.app.tools import skills_of, tool_names

    try:
        settings = session.settings()
    except ConfigurationError:
        return inventory_of(shipped_tools(), known_models())
    library = skills_of(settings)
    return inventory_of(tool_names(settings, library), known_models(), library.documented)


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
    async def work(backend: Backend) -> tuple[AgentVersion, str]:
        agent = await backend.agents.get(backend.workspace_id, ref)
        return agent, await backend.agents.profile(backend.workspace_id, agent.ref())

    agent, profile = await session.on_backend(work)
    if session.json:
        session.print_json(dataclasses.asdict(agent))
        return ExitCode.OK
    session.say("agents.shown", ref=agent.ref(), summary=summary(session, agent))
    session.print(profile.rstrip())
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
    if not session.url:
        _say_unconfigured(session, agent)
    return ExitCode.OK


async def _remove(session: Session, name: str) -> int:
    await session.on_backend(lambda backend: backend.agents.remove(backend.workspace_id, name))
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("agents.removed", name=name)
    return ExitCode.OK


def _say_unconfigured(session: Session, agent: AgentVersion) -> None:
    """A profile may be written before its model's key is set: that is no fault, but not unsaid."""
    provider = agent.model.partition("/")[0]
    if provider in ("", "local"):
        return
    try:
        configured = {one.id for one in session.settings().providers}
    except ConfigurationError:
        configured = set[str]()  # no home here that could have configured it
    if provider not in configured:
        session.say("agents.unconfigured", model=agent.model, provider=provider)


def summary(session: Session, agent: AgentVersion) -> str:
    """The profile's own; that of a shipped profile in the person's language."""
    key = f"agents.shipped.{agent.name}"
    shipped = catalogue("en").said(key, {}, "")
    return session.text.said(key, {}, agent.summary) if agent.summary == shipped else agent.summary


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file {str(file)!r} is not text in UTF-8 (byte {error.start + 1}); a profile is YAML",
            code="input.not_text",
            context={"path": str(file), "byte": error.start + 1},
        ) from error
    except FileNotFoundError as error:
        raise no_such_path(file) from error
    except OSError as error:
        raise NotFound(
            f"the file {str(file)!r} cannot be read: {error}",
            code="not_found.file",
            context={"path": str(file)},
        ) from error
