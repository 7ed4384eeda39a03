"""`flowmatik agents bundle …`: signed archives of agents, and the keys whose bundles are taken."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.agent_files import say_changes
from flowmatik.app.cli.agent_versions import Reason, author
from flowmatik.app.cli.agent_view import score
from flowmatik.app.cli.agents import agents_app
from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.bundles import BundleView, Incoming
from flowmatik.contracts.channels import STABLE
from flowmatik.kernel.errors import Conflict

bundle_app = typer.Typer(help="help.bundle", no_args_is_help=True)
agents_app.add_typer(bundle_app, name="bundle")

BundleFile = Annotated[Path, typer.Argument(help="help.bundle.file", metavar="FILE")]
Key = Annotated[str, typer.Option("--key", help="help.bundle.key", show_default=False)]


@bundle_app.command("create", help="help.bundle.create")
def create(
    context: typer.Context,
    file: BundleFile,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", help="help.agents.only", show_default=False)
    ] = None,
    channel: Annotated[str, typer.Option("--channel", help="help.bundle.create.channel")] = STABLE,
) -> None:
    session = session_of(context)
    session.run(_create(session, file, agent or [], channel))


@bundle_app.command("verify", help="help.bundle.verify")
def verify(context: typer.Context, file: BundleFile, key: Key = "") -> None:
    session = session_of(context)
    session.run(_verify(session, Incoming(content=_read(file), key=_key(key))))


@bundle_app.command("apply", help="help.bundle.apply")
def apply(
    context: typer.Context,
    file: BundleFile,
    key: Key = "",
    channel: Annotated[str, typer.Option("--channel", help="help.agents.channel")] = STABLE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="help.agents.dry_run")] = False,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    incoming = Incoming(content=_read(file), key=_key(key), channel=channel, dry_run=dry_run)
    session.run(_apply(session, incoming, reason))


@bundle_app.command("keys", help="help.bundle.keys")
def keys(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_keys(session))


@bundle_app.command("trust", help="help.bundle.trust")
def trust(
    context: typer.Context,
    public: Annotated[str, typer.Argument(help="help.bundle.trust.key", metavar="KEY")],
    name: Annotated[str, typer.Option("--name", help="help.bundle.trust.name", show_default=False)],
) -> None:
    session = session_of(context)
    session.run(_trust(session, _key(public), name))


@bundle_app.command("distrust", help="help.bundle.distrust")
def distrust(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="help.bundle.key_id", metavar="ID")],
) -> None:
    session = session_of(context)
    session.run(_distrust(session, key_id))


async def _create(session: Session, file: Path, names: list[str], channel: str) -> int:
    _refuse_existing(file)
    content = await session.on_backend(
        lambda backend: backend.bundles.create(
            backend.workspace_id, author(backend), names=names, channel=channel
        )
    )
    await asyncio.to_thread(file.write_bytes, content)
    if session.json:
        session.print_json({"file": str(file), "bytes": len(content)})
    else:
        session.say("bundle.created", path=str(file), bytes=len(content))
    return ExitCode.OK


async def _verify(session: Session, incoming: Incoming) -> int:
    view = await session.on_backend(lambda backend: backend.bundles.verify(backend.workspace_id, incoming))
    if session.json:
        session.print_json(dataclasses.asdict(view))
    else:
        _show(session, view)
    return ExitCode.OK


async def _apply(session: Session, incoming: Incoming, reason: str) -> int:
    async with session.backend() as backend:
        applied = await backend.bundles.apply(backend.workspace_id, incoming, author(backend, reason))
    if session.json:
        session.print_json({**dataclasses.asdict(applied), "dry_run": incoming.dry_run})
        return ExitCode.OK
    _show(session, applied.bundle)
    say_changes(session, applied.changes, dry_run=incoming.dry_run)
    return ExitCode.OK


def _show(session: Session, view: BundleView) -> None:
    session.say(
        "bundle.shown",
        source=view.source,
        at=view.made_at[:19],
        by=view.made_by or "–",
        signer=view.key_id,
        trusted=view.trusted,
    )
    for agent in view.agents:
        session.print(f"{agent.name}@{agent.version}  {score(agent.evaluations)}")


async def _keys(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.bundles.keys(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(key) for key in found], "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for name in ("bundle.key_id", "bundle.key_name", "bundle.public"):
        table.add_column(session.text(name))
    for key in found:
        table.add_row(key.key_id, session.text("bundle.own") if key.own else clean(key.name), key.public)
    session.out.print(table)
    return ExitCode.OK


async def _trust(session: Session, public: str, name: str) -> int:
    key = await session.on_backend(
        lambda backend: backend.bundles.trust(backend.workspace_id, public, name, author(backend))
    )
    if session.json:
        session.print_json(dataclasses.asdict(key))
    else:
        session.say("bundle.trusted", name=key.name, signer=key.key_id)
    return ExitCode.OK


async def _distrust(session: Session, key_id: str) -> int:
    await session.on_backend(
        lambda backend: backend.bundles.distrust(backend.workspace_id, key_id, author(backend))
    )
    if session.json:
        session.print_json({"distrusted": key_id})
    else:
        session.say("bundle.distrusted", signer=key_id)
    return ExitCode.OK


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise Conflict(
            f"there is a file {str(file)!r} already; give another name, or delete it",
            code="conflict.bundle_file",
            context={"path": str(file)},
        )


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise no_such_path(file)
    return file.read_bytes()


def _key(given: str) -> str:
    """The key itself, or the file that holds it."""
    path = Path(given)
    return path.read_text(encoding="utf-8").strip() if given and path.is_file() else given
