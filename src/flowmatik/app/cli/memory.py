"""`flowmatik memory …`: documents in, passages out."""

import dataclasses
import re
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.ingest_view import ingest, no_such_path
from flowmatik.app.cli.memory_indexes import index_states, print_indexes
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.contracts.memory import DocumentLabels, MemoryStatus
from flowmatik.contracts.memory_indexes import IndexState
from flowmatik.kernel.errors import InvalidInput, NotFound

ACL = re.compile(r"(user|team|role|group):\S{1,200}")
memory_app = typer.Typer(help="help.memory", no_args_is_help=True)


@memory_app.command("ingest", help="help.memory.ingest")
def ingest_paths(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="help.memory.paths", metavar="PATH…")],
    acl: Annotated[list[str] | None, typer.Option(help="help.memory.acl")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="help.memory.tag")] = None,
) -> None:
    session = session_of(context)
    for path in paths:
        if not path.exists():
            raise no_such_path(path)
    labels = DocumentLabels(acl=tuple(acl or ()), tags=tuple(tag or ())) if acl or tag else None
    for one in acl or ():
        if not ACL.fullmatch(one):
            raise InvalidInput(
                f"{one!r} names nobody; write user:ID, team:NAME, role:NAME or group:NAME",
                code="input.acl",
                context={"principal": one},
            )
    session.run(_ingest(session, paths, labels))


@memory_app.command("list", help="help.memory.list")
def list_documents(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.runs.limit")] = 100,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, limit, cursor))


@memory_app.command("remove", help="help.memory.remove")
def remove(
    context: typer.Context,
    documents: Annotated[list[str], typer.Argument(help="help.memory.documents", metavar="DOCUMENT…")],
) -> None:
    session = session_of(context)
    session.run(_remove(session, documents))


@memory_app.command("status", help="help.memory.status")
def status(context: typer.Context) -> None:
    session = session_of(context)
    session.run(show_status(session))


async def _ingest(session: Session, paths: list[Path], labels: DocumentLabels | None) -> int:
    outcomes = await session.on_backend(lambda backend: ingest(session, backend, paths, labels))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(step) for step in outcomes], "next": None})
    only_skipped = bool(outcomes) and all(step.outcome == "skipped" for step in outcomes)
    return ExitCode.FAILED if only_skipped else ExitCode.OK


async def _list(session: Session, limit: int, cursor: str) -> int:
    found = await session.on_backend(
        lambda backend: backend.memory.documents(backend.workspace_id, after=cursor, limit=limit)
    )
    following = found[-1].source if len(found) == limit else ""
    if session.json:
        items = [dataclasses.asdict(document) for document in found]
        session.print_json({"items": items, "next": following or None})
        return ExitCode.OK
    for document in found:
        session.print(f"{document.id}  {shown_name(document.source)}")
    if not found:
        session.say("memory.no_more" if cursor else "memory.empty")
    if following:
        session.say("memory.more", cursor=following)
    return ExitCode.OK


async def _remove(session: Session, documents: list[str]) -> int:
    removed: list[str] = []

    async def work(backend: Backend) -> None:
        for document in documents[len(done) :]:
            removed.extend(await _removed(session, backend, document))
            done.append(document)

    done: list[str] = []
    await session.on_backend(work)
    if session.json:
        session.print_json({"items": removed, "next": None})
        return ExitCode.OK
    for source in removed:
        session.print(session.text("memory.removed", source=shown_name(source)))
    session.say("memory.removed_note")
    return ExitCode.OK


async def _removed(session: Session, backend: Backend, document: str) -> list[str]:
    """By what citations call it, else, on this machine, as a path."""
    try:
        return await backend.memory.remove(backend.workspace_id, document)
    except NotFound:
        if session.url:
            raise
        try:
            return await backend.memory.remove(backend.workspace_id, whole_path(document))
        except NotFound as error:
            raise not_in_memory(document) from error


def whole_path(document: str) -> str:
    return str(Path(document).expanduser().resolve())


def not_in_memory(document: str) -> NotFound:
    return NotFound(
        f"memory has no document {document!r}; `flowmatik memory list` shows those that there are",
        code="not_found.document",
        context={"document": document},
    )


async def show_status(session: Session) -> int:
    async def look(backend: Backend) -> tuple[MemoryStatus, list[IndexState]]:
        return await backend.memory.status(backend.workspace_id), await index_states(backend)

    state, indexes = await session.on_backend(look)
    if session.json:
        told = [dataclasses.asdict(one) for one in indexes]
        session.print_json({**dataclasses.asdict(state), "indexes": told})
        return ExitCode.OK
    session.print(
        session.text(
            "memory.state",
            documents=state.documents,
            chunks=state.chunks,
            tables=state.tables,
            embedded=state.embedded,
            model=state.embedding_model or session.text("memory.text_only"),
            megabytes=f"{state.size_bytes / 1_000_000:.1f}",
        )
    )
    if state.near_duplicates:
        session.say("memory.near_duplicates", passages=state.near_duplicates)
    print_indexes(session, indexes)
    return ExitCode.OK
