"""`flowmatik templates list|show|apply|render`: profiles with parameters, and agents made from them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.agent_versions import Reason, author
from flowmatik.app.cli.given_files import read_text
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.channels import STABLE
from flowmatik.contracts.templates import AgentTemplate, TemplateParameter
from flowmatik.kernel.errors import InvalidInput

templates_app = typer.Typer(help="help.templates", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.templates.name", metavar="NAME")]


@templates_app.command("list", help="help.templates.list")
def list_templates(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@templates_app.command("show", help="help.templates.show")
def show(context: typer.Context, name: Name) -> None:
    session = session_of(context)
    session.run(_show(session, name))


@templates_app.command("apply", help="help.templates.apply")
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="help.templates.file", metavar="FILE")],
) -> None:
    session = session_of(context)
    session.run(_apply(session, file))


@templates_app.command("render", help="help.templates.render")
def render(
    context: typer.Context,
    name: Name,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="help.templates.param", metavar="NAME=VALUE", show_default=False),
    ] = None,
    make: Annotated[bool, typer.Option("--apply", help="help.templates.make")] = False,
    channel: Annotated[str, typer.Option("--channel", help="help.agents.channel")] = STABLE,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    values = _values(param or [])
    if make:
        session.run(_make(session, name, values, channel, reason))
    session.run(_render(session, name, values))


async def _list(session: Session) -> int:
    templates = await session.on_backend(lambda backend: backend.templates.list(backend.workspace_id))
    found = [_told(session, one) for one in templates]
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("agents.name", "agents.version", "templates.parameters", "templates.from", "agents.summary"):
        table.add_column(session.text(key))
    for one in found:
        table.add_row(
            one.name,
            one.version,
            ", ".join(p.name if p.required else f"[{p.name}]" for p in one.parameters),
            session.text("templates.shipped" if one.shipped else "templates.own"),
            clean(one.summary),
        )
    session.out.print(table)
    return ExitCode.OK


def _told(session: Session, one: AgentTemplate) -> AgentTemplate:
    """What it says of itself, in the person's language."""
    shipped = session.text.shipped
    parameters = tuple(dataclasses.replace(each, summary=shipped(each.summary)) for each in one.parameters)
    return dataclasses.replace(one, summary=shipped(one.summary), parameters=parameters)


async def _show(session: Session, name: str) -> int:
    found = _told(
        session, await session.on_backend(lambda backend: backend.templates.get(backend.workspace_id, name))
    )
    if session.json:
        session.print_json(dataclasses.asdict(found))
        return ExitCode.OK
    session.say("agents.shown", ref=f"{found.name}@{found.version}", summary=found.summary)
    for one in found.parameters:
        needed = "" if one.required else f" = {one.default!r}"
        session.say(
            "templates.parameter", name=one.name, kind=_kind(one), default=needed, summary=one.summary
        )
    session.print(found.text.rstrip())
    return ExitCode.OK


def _kind(one: TemplateParameter) -> str:
    if one.type == "enum":
        return " | ".join(one.values)
    if one.type == "integer":
        return f"{one.least}–{one.most}"
    return f"{one.type} ≤ {one.max_length}" if one.max_length else one.type


async def _apply(session: Session, file: Path) -> int:
    text = read_text(file)
    found = await session.on_backend(
        lambda backend: backend.templates.apply(
            backend.workspace_id, text, filename=str(file), author=author(backend)
        )
    )
    if session.json:
        session.print_json(dataclasses.asdict(found))
    else:
        session.print(session.text("templates.applied", name=found.name, version=found.version))
    return ExitCode.OK


async def _render(session: Session, name: str, values: dict[str, str]) -> int:
    text = await session.on_backend(
        lambda backend: backend.templates.render(backend.workspace_id, name, values)
    )
    if session.json:
        session.print_json({"text": text})
    else:
        session.print(text.rstrip())
    return ExitCode.OK


async def _make(session: Session, name: str, values: dict[str, str], channel: str, reason: str) -> int:
    agent = await session.on_backend(
        lambda backend: backend.templates.make(
            backend.workspace_id, name, values, channel=channel, author=author(backend, reason)
        )
    )
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        key = "agents.applied" if channel == STABLE else "agents.applied_to"
        session.print(session.text(key, ref=agent.ref(), channel=channel))
    return ExitCode.OK


def _values(given: Sequence[str]) -> dict[str, str]:
    """Raises InvalidInput for what is no `name=value`, and for a name that is given twice."""
    values: dict[str, str] = {}
    for one in given:
        name, mark, value = one.partition("=")
        if not mark or not name or name in values:
            raise InvalidInput(
                f"--param {one!r} cannot be used; write name=value, each name once",
                code="input.param",
                context={"value": one},
            )
        values[name] = value
    return values
