"""`flowmatik agents export|import|validate`: the catalogue as files for Git, and their check for CI."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from flowmatik.app.cli.agent_versions import Reason, author
from flowmatik.app.cli.agent_view import shown
from flowmatik.app.cli.agents import agents_app, say_unconfigured
from flowmatik.app.cli.given_files import read_text
from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import AgentFile, ImportedChange
from flowmatik.kernel.errors import ConfigurationError, Conflict, InvalidInput, ProfileInvalid

if TYPE_CHECKING:
    from flowmatik.agents import Inventory

YAML = (".yaml", ".yml")
Folder = Annotated[Path, typer.Argument(help="help.agents.folder", metavar="DIR")]


@agents_app.command("export", help="help.agents.export")
def export(
    context: typer.Context,
    folder: Folder,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", help="help.agents.only", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="help.agents.export.force")] = False,
) -> None:
    session = session_of(context)
    session.run(_export(session, folder, agent or [], force=force))


@agents_app.command("import", help="help.agents.import")
def import_folder(
    context: typer.Context,
    folder: Folder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="help.agents.dry_run")] = False,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    session.run(_import(session, folder, reason, dry_run=dry_run))


@agents_app.command("validate", help="help.agents.validate")
def validate(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="help.agents.files", metavar="FILE...")],
    github: Annotated[bool, typer.Option("--github", help="help.agents.validate.github")] = False,
) -> None:
    session = session_of(context)
    if len(files) == 1 and not files[0].is_dir() and not github:
        _validate_one(session, files[0])
    else:
        raise typer.Exit(_validate(session, files, github=github))


async def _export(session: Session, folder: Path, names: Sequence[str], *, force: bool) -> int:
    files = await session.on_backend(lambda backend: backend.versions.export(backend.workspace_id, names))
    there = [file.path for file in files if (folder / file.path).exists()]
    if there and not force:
        raise Conflict(
            f"{str(folder)!r} has {', '.join(there[:3])} already; say --force to write over such files",
            code="conflict.file_exists",
            context={"path": str(folder), "files": ", ".join(there[:3])},
        )
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
    if session.json:
        session.print_json({"items": [file.path for file in files], "next": None})
    else:
        session.say("agents.exported", count=len(files), path=str(folder))
    return ExitCode.OK


async def _import(session: Session, folder: Path, reason: str, *, dry_run: bool) -> int:
    files = files_of(folder)
    async with session.backend() as backend:
        changes = await backend.versions.import_files(
            backend.workspace_id, files, author(backend, reason), dry_run=dry_run
        )
    if session.json:
        items = [dataclasses.asdict(change) for change in changes]
        session.print_json({"items": items, "next": None, "dry_run": dry_run})
        return ExitCode.OK
    say_changes(session, changes, dry_run=dry_run)
    return ExitCode.OK


def say_changes(session: Session, changes: Sequence[ImportedChange], *, dry_run: bool) -> None:
    if not changes:
        session.say("agents.import.nothing")
    for change in changes:
        session.print(
            session.text(
                "agents.import.change",
                name=change.name,
                channel=change.channel or "–",
                was=shown(change.was),
                becomes=shown(change.becomes) if change.channel else ", ".join(change.new_versions),
            )
        )
    if changes and dry_run:
        session.say("agents.import.dry")


def files_of(folder: Path) -> list[AgentFile]:
    """Every YAML file below it. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise no_such_path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix in YAML and path.is_file())
    shown_paths = [(path, path.relative_to(folder)) for path in paths]
    return [
        AgentFile(path=relative.as_posix(), text=read_text(path))
        for path, relative in shown_paths
        if not any(part.startswith(".") for part in relative.parts)
    ]


def _parse(session: Session, text: str, filename: str) -> AgentVersion:
    """As the home's tools and models are; without a home, as what ships."""
    from flowmatik.agents import parse_profile

    return parse_profile(text, filename=filename, inventory=_inventory(session))


def _inventory(session: Session) -> "Inventory":
    from flowmatik.agents import inventory_of, shipped_tools
    from flowmatik.app.model_list import listed_in
    from flowmatik.app.models import known_models
    from flowmatik.app.tools import skills_of, tool_names

    try:
        settings = session.settings()
    except ConfigurationError:
        return inventory_of(shipped_tools(), known_models())
    library = skills_of(settings)
    listed = listed_in(settings.models_path)
    return inventory_of(
        tool_names(settings, library),
        known_models(),
        library.documented,
        names=listed.names,
        tags=listed.tags,
    )


def _validate_one(session: Session, file: Path) -> None:
    agent = _parse(session, read_text(file), str(file))
    if session.json:
        session.print_json({"valid": True, "ref": agent.ref()})
    else:
        session.print(session.text("agents.valid", ref=agent.ref()))
    say_unconfigured(session, agent)


def _validate(session: Session, paths: Sequence[Path], *, github: bool) -> int:
    """Each file for itself, a folder as it would be imported; all faults of all of them."""
    items = [_checked(session, path) for path in paths]
    valid = all(item["valid"] for item in items)
    if session.json:
        session.print_json({"valid": valid, "items": items})
    for item in items:
        if item["valid"] and not session.json:
            session.print(session.text("agents.valid", ref=", ".join(item["refs"])))
        for fault in item["faults"]:
            line = _annotation(fault) if github else f"{fault['place']}: {fault['text']}"
            if not session.json:
                session.print(line)
    return ExitCode.OK if valid else ExitCode.USAGE


def _checked(session: Session, path: Path) -> dict[str, Any]:
    from flowmatik.agents import read_files

    try:
        if path.is_dir():
            wanted = read_files(files_of(path), partial(_parse, session))
            refs = [agent.ref() for one in wanted for agent, _ in one.versions]
        else:
            refs = [_parse(session, read_text(path), str(path)).ref()]
    except ProfileInvalid as error:
        details = cast("list[dict[str, Any]]", error.context["details"])
        faults = [_in_words(session, detail, path) for detail in details]
        return {"file": str(path), "valid": False, "refs": [], "faults": faults}
    except InvalidInput as error:
        fault = {"place": str(path), "code": error.code, "text": session.text.error(error)}
        return {"file": str(path), "valid": False, "refs": [], "faults": [fault]}
    return {"file": str(path), "valid": True, "refs": refs, "faults": []}


def _in_words(session: Session, detail: dict[str, Any], path: Path) -> dict[str, Any]:
    said = session.text.said(f"detail.{detail['code']}", detail["values"], detail["text"])
    place = str(path / detail["place"]) if path.is_dir() else detail["place"]
    return {"place": place, "code": detail["code"], "text": said}


def _annotation(fault: dict[str, Any]) -> str:
    """A workflow command of GitHub Actions ("Workflow commands", `::error file=,line=,col=::`)."""
    parts = str(fault["place"]).rsplit(":", 2)
    file, line, column = parts if len(parts) == 3 else (str(fault["place"]), "1", "1")
    return f"::error file={_property(file)},line={line},col={column}::{_data(fault['text'])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
