"""`flowmatik skills …`: the skill folders of an installation, and what their authors need."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.skills import SkillFault, SkillFolder
from flowmatik.kernel.errors import InvalidInput, NotFound

skills_app = typer.Typer(help="help.skills", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="help.skills.name", metavar="NAME")]


@skills_app.command("list", help="help.skills.list")
def list_skills(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@skills_app.command("show", help="help.skills.show")
def show(context: typer.Context, name: Name) -> None:
    session = session_of(context)
    session.run(_show(session, name))


@skills_app.command("validate", help="help.skills.validate")
def validate(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="help.skills.folder", metavar="FOLDER")] = None,
) -> None:
    session = session_of(context)
    session.run(_validate(session, folder))


@skills_app.command("new", help="help.skills.new")
def new(context: typer.Context, name: Name) -> None:
    from flowmatik.agents import make_folder

    session = session_of(context)
    folder = make_folder(session.settings().skills, name)
    if session.json:
        session.print_json({"name": name, "folder": str(folder)})
    else:
        session.say("skills.made", folder=folder, name=name)


@skills_app.command("test", help="help.skills.test")
def try_out(
    context: typer.Context,
    name: Name,
    call: Annotated[
        str | None, typer.Option("--call", help="help.skills.call", metavar="JSON", show_default=False)
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--tool", help="help.skills.tool", metavar="TOOL", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(_test(session, name) if call is None else _call(session, name, call, tool or ""))


async def _list(session: Session) -> int:
    folders = await session.on_backend(lambda backend: backend.skills.list())
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in folders], "next": None})
        return ExitCode.OK
    if not folders:
        session.say("skills.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("skills.name", "skills.tools", "skills.description", "skills.faults"):
        table.add_column(session.text(key))
    for one in folders:
        tools = ", ".join(tool.name for tool in one.tools) or "–"
        table.add_row(one.name, tools, clean(_summary(one)), str(len(one.faults)) if one.faults else "–")
    session.out.print(table)
    _say_faults(session, folders)
    return ExitCode.OK


async def _show(session: Session, name: str) -> int:
    one = await session.on_backend(lambda backend: backend.skills.get(name))
    if session.json:
        session.print_json(dataclasses.asdict(one))
        return ExitCode.OK
    session.print(f"{one.name}: {_summary(one)}")
    for tool in one.tools:
        given = ", ".join(cast("dict[str, Any]", tool.parameters.get("properties", {})))
        session.print(f"  {tool.name}({given})  [{tool.effect}, {tool.timeout:g} s]")
        for key in ("scopes", "labels", "labels_in", "retries", "rate_per_minute", "price_usd"):
            if value := getattr(tool, key):
                shown = ", ".join(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value
                session.print(f"    {session.text(f'skills.{key}')}: {shown}")
    for file in one.files:
        session.print(f"  {file}")
    _say_faults(session, [one])
    return ExitCode.OK


async def _validate(session: Session, folder: Path | None) -> int:
    """Of one folder, or of all of the home. What it finds is no failure of this command's own."""
    folders = await asyncio.to_thread(_loaded, session, folder)
    faults = [fault for one in folders for fault in one.faults]
    if faults:
        lines = [fault.line() for fault in faults]
        raise InvalidInput(
            "\n".join(lines),
            code="input.skill",
            context={"faults": lines, "details": [dataclasses.asdict(fault) for fault in faults]},
        )
    if session.json:
        session.print_json({"valid": True, "skills": [one.name for one in folders]})
    else:
        session.say("skills.valid", count=len(folders))
    return ExitCode.OK


def _loaded(session: Session, folder: Path | None) -> list[SkillFolder]:
    from flowmatik.agents import load_one
    from flowmatik.app.tools import reserved_tools, skills_of

    if folder is None:
        return [one.about for one in skills_of(session.settings()).loaded]
    if not folder.is_dir():
        raise NotFound(
            f"there is no folder {str(folder)!r}", code="not_found.folder", context={"path": str(folder)}
        )
    return [load_one(folder.resolve(), reserved_tools()).about]


async def _test(session: Session, name: str) -> int:
    from flowmatik.agents import run_tests
    from flowmatik.app.tools import skills_of

    library = await asyncio.to_thread(skills_of, session.settings())
    loaded = library.folder(name)
    tried = await run_tests(loaded.path)
    failed = [one for one in tried if one.said]
    sound = not failed and not loaded.about.faults
    if session.json:
        items = [dataclasses.asdict(one) for one in tried]
        faults = [dataclasses.asdict(fault) for fault in loaded.about.faults]
        session.print_json({"passed": sound, "items": items, "faults": faults})
    else:
        for one in tried:
            session.print(f"{'✗' if one.said else '✓'} {one.name}{f': {one.said}' if one.said else ''}")
        _say_faults(session, [loaded.about])
        session.say("skills.tried", passed=len(tried) - len(failed), failed=len(failed))
    return ExitCode.OK if sound else ExitCode.FAILED


async def _call(session: Session, name: str, call: str, tool: str) -> int:
    from flowmatik.agents import OwnSkillBox
    from flowmatik.app.tools import skills_of
    from flowmatik.app.wiring import WORKSPACE
    from flowmatik.contracts.tools import ToolContext

    library = await asyncio.to_thread(skills_of, session.settings())
    tools = [one.name for one in library.folder(name).about.tools]
    chosen = tool or (tools[0] if len(tools) == 1 else "")
    if chosen not in tools:
        known = ", ".join(tools) or "–"
        raise InvalidInput(
            f"which tool of {name!r}? Name it with --tool; there is {known}",
            code="input.skill_tool",
            context={"skill": name, "known": known},
        )
    box = OwnSkillBox(library)
    context = ToolContext(workspace_id=WORKSPACE, run_id="trial", call_id="trial", idempotency_key="trial")
    try:
        result = await box.call(chosen, _arguments(call), context)
    finally:
        await box.close()
    session.print_json(result)
    return ExitCode.OK


def _arguments(given: str) -> dict[str, Any]:
    try:
        loaded = json.loads(given)
    except ValueError:
        loaded = None
    if not isinstance(loaded, dict):
        raise InvalidInput("--call takes a JSON object with the arguments", code="input.skill_call")
    return cast("dict[str, Any]", loaded)


def _summary(one: SkillFolder) -> str:
    return one.description or (one.tools[0].description.splitlines()[0] if one.tools else "–")


def _say_faults(session: Session, folders: list[SkillFolder]) -> None:
    for fault in (fault for one in folders for fault in one.faults):
        session.say("skills.fault", place=fault.place, said=said(session, fault))


def said(session: Session, fault: SkillFault) -> str:
    return session.text.said(f"detail.{fault.code}", fault.values, fault.text)
