"""`flowmatik playbooks …`: plans with parameters, and their versions."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.given_files import read_text
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.playbooks import PlaybookParameter, PlaybookVersion
from flowmatik.kernel.errors import InvalidInput

playbooks_app = typer.Typer(help="help.playbooks", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(help="help.playbooks.ref", metavar="NAME[@VERSION]")]
Files = Annotated[list[Path], typer.Argument(help="help.playbooks.files", metavar="FILE...")]


@playbooks_app.command("apply", help="help.playbooks.apply")
def apply(context: typer.Context, files: Files) -> None:
    session = session_of(context)
    session.run(_apply(session, files))


@playbooks_app.command("list", help="help.playbooks.list")
def list_playbooks(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@playbooks_app.command("show", help="help.playbooks.show")
def show(context: typer.Context, ref: Ref) -> None:
    session = session_of(context)
    session.run(_show(session, ref))


@playbooks_app.command("remove", help="help.playbooks.remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="help.playbooks.name", metavar="NAME")],
) -> None:
    session = session_of(context)
    session.run(_remove(session, name))


@playbooks_app.command("validate", help="help.playbooks.validate")
def validate(context: typer.Context, files: Files) -> None:
    """Without a home: by the agents and tools that ship. Files may use each other."""
    from flowmatik.app.playbook_check import checked

    session = session_of(context)
    texts = [(str(file), read_text(file)) for file in files]
    versions = asyncio.run(checked(texts))
    if session.json:
        session.print_json({"valid": True, "refs": [one.ref() for one in versions]})
        return
    for one in versions:
        session.print(session.text("playbooks.valid", ref=one.ref()))


async def _apply(session: Session, files: Sequence[Path]) -> int:
    texts = [(str(file), read_text(file)) for file in files]

    async def work(backend: Backend) -> list[PlaybookVersion]:
        return [
            await backend.playbooks.apply(backend.workspace_id, text, filename=name) for name, text in texts
        ]

    applied = await session.on_backend(work)
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in applied], "next": None})
        return ExitCode.OK
    for one in applied:
        session.print(session.text("playbooks.applied", ref=one.ref()))
    return ExitCode.OK


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.playbooks.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    if not found:
        session.say("playbooks.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("agents.name", "agents.version", "playbooks.parameters", "agents.summary"):
        table.add_column(session.text(key))
    for one in found:
        names = ", ".join(parameter.name for parameter in one.parameters) or "–"
        table.add_row(one.name, one.version, names, clean(one.summary))
    session.out.print(table)
    return ExitCode.OK


async def _show(session: Session, ref: str) -> int:
    async def work(backend: Backend) -> tuple[PlaybookVersion, str]:
        found = await backend.playbooks.get(backend.workspace_id, ref)
        return found, await backend.playbooks.text(backend.workspace_id, found.ref())

    found, text = await session.on_backend(work)
    if session.json:
        session.print_json({**dataclasses.asdict(found), "text": text})
        return ExitCode.OK
    session.say("playbooks.shown", ref=found.ref(), summary=found.summary)
    session.print(text.rstrip())
    return ExitCode.OK


async def _remove(session: Session, name: str) -> int:
    await session.on_backend(lambda backend: backend.playbooks.remove(backend.workspace_id, name))
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("playbooks.removed", name=name)
    return ExitCode.OK


async def parameters_of(backend: Backend, playbook: str, given: Sequence[str]) -> dict[str, Any]:
    """What `--param name=value` says, each as its parameter takes it. Raises InvalidInput."""
    if not given:
        return {}
    found = await backend.playbooks.get(backend.workspace_id, playbook)
    known = {one.name: one for one in found.parameters}
    return dict(_parameter(one, known) for one in given)


def _parameter(given: str, known: Mapping[str, PlaybookParameter]) -> tuple[str, Any]:
    from flowmatik.agents.playbooks.patterns import from_text

    name, equals, text = given.partition("=")
    if not equals or not name.strip():
        raise InvalidInput(
            f"{given!r} is no parameter; write --param name=value",
            code="input.param",
            context={"value": given},
        )
    one = known.get(name.strip())
    if one is None:
        return name.strip(), text  # for whoever knows its parameters to say
    value = from_text(one, text)
    return one.name, text if value is None else value
