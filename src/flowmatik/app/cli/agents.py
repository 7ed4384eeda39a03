"""`flowmatik agents …`: profiles and their versions."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.agent_view import origin, score
from flowmatik.app.cli.given_files import read_text
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import STABLE, AgentStanding, Author, VersionStanding
from flowmatik.kernel.errors import ConfigurationError

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
def apply(
    context: typer.Context,
    file: ProfileFile,
    channel: Annotated[str, typer.Option("--channel", help="help.agents.channel")] = STABLE,
    reason: Annotated[str, typer.Option("--reason", help="help.agents.reason", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_apply(session, file, channel, reason))


@agents_app.command("remove", help="help.agents.remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="help.agents.remove.name", metavar="NAME")],
) -> None:
    session = session_of(context)
    session.run(_remove(session, name))


async def _list(session: Session) -> int:
    async def work(backend: Backend) -> tuple[list[AgentVersion], list[AgentStanding]]:
        agents = await backend.agents.list(backend.workspace_id)
        return agents, await backend.versions.standings(backend.workspace_id)

    agents, standings = await session.on_backend(work)
    known = {(one.name, version.version): version for one in standings for version in one.versions}
    if session.json:
        items = [_as_json(session, agent, known.get((agent.name, agent.version))) for agent in agents]
        session.print_json({"items": items, "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    columns = ("agents.name", "agents.version", "agents.role", "agents.skills", "agents.score")
    for key in (*columns, "agents.summary"):
        table.add_column(session.text(key))
    for agent in agents:
        version = known.get((agent.name, agent.version))
        table.add_row(
            agent.name,
            agent.version,
            agent.role,
            ", ".join(agent.skills),
            score(version.evaluations if version else ()),
            clean(session.text.shipped(agent.summary)),
        )
    session.out.print(table)
    return ExitCode.OK


def _as_json(session: Session, agent: AgentVersion, known: VersionStanding | None) -> dict[str, object]:
    """With what the catalogue knows of the version beside its profile."""
    shown: dict[str, object] = {**dataclasses.asdict(agent), "summary": session.text.shipped(agent.summary)}
    if known is not None:
        told = dataclasses.asdict(known)
        shown |= {name: told[name] for name in ("created_at", "origin", "deprecation", "evaluations")}
    return shown


async def _show(session: Session, ref: str) -> int:
    async def work(backend: Backend) -> tuple[AgentVersion, str, AgentStanding]:
        agent = await backend.agents.get(backend.workspace_id, ref)
        profile = await backend.agents.profile(backend.workspace_id, agent.ref())
        return agent, profile, await backend.versions.standing(backend.workspace_id, agent.name)

    agent, profile, standing = await session.on_backend(work)
    known = next((one for one in standing.versions if one.version == agent.version), None)
    if session.json:
        session.print_json(_as_json(session, agent, known))
        return ExitCode.OK
    session.say("agents.shown", ref=agent.ref(), summary=agent.summary)
    if known is not None:
        session.say("agents.known", origin=origin(session, known), score=score(known.evaluations))
    session.print(profile.rstrip())
    return ExitCode.OK


async def _apply(session: Session, file: Path, channel: str, reason: str) -> int:
    text = read_text(file)
    agent = await session.on_backend(
        lambda backend: backend.agents.apply(
            backend.workspace_id,
            text,
            filename=str(file),
            channel=channel,
            author=Author(by=backend.principal.name or backend.principal.id, reason=reason),
        )
    )
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        key = "agents.applied" if channel == STABLE else "agents.applied_to"
        session.print(session.text(key, ref=agent.ref(), channel=channel))
    if not session.url:
        say_unconfigured(session, agent)
    return ExitCode.OK


async def _remove(session: Session, name: str) -> int:
    await session.on_backend(
        lambda backend: backend.agents.remove(
            backend.workspace_id, name, author=Author(by=backend.principal.name or backend.principal.id)
        )
    )
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("agents.removed", name=name)
    return ExitCode.OK


def say_unconfigured(session: Session, agent: AgentVersion) -> None:
    """A profile may be written before its model's key is set: that is no fault, but not unsaid."""
    provider, slash, _ = agent.model.partition("/")
    if provider in ("", "local") or not slash:
        return
    try:
        configured = {one.id for one in session.settings().providers}
    except ConfigurationError:
        configured = set[str]()  # no home here that could have configured it
    if provider not in configured:
        session.say("agents.unconfigured", model=agent.model, provider=provider)
