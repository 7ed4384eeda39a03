"""`flowmatik memory rebuild|reembed|forget|erasures`."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from flowmatik.app.backend import Backend
from flowmatik.app.cli.memory import memory_app, whole_path
from flowmatik.app.cli.memory_indexes import rebuild_indexes
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.contracts.memory_care import Erasure, ErasureRequest
from flowmatik.kernel.errors import NotFound


@memory_app.command("rebuild", help="help.memory.rebuild")
def rebuild(
    context: typer.Context,
    index: Annotated[bool, typer.Option("--index", help="help.memory.rebuild.index")] = False,
) -> None:
    session = session_of(context)
    session.run(rebuild_indexes(session) if index else rebuild_all(session))


@memory_app.command("reembed", help="help.memory.reembed")
def reembed(
    context: typer.Context,
    embedder: Annotated[str, typer.Option(help="help.memory.embedder", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(reembed_all(session, embedder))


@memory_app.command("forget", help="help.memory.forget")
def forget(
    context: typer.Context,
    subject: Annotated[list[str] | None, typer.Option(help="help.memory.subject")] = None,
    source: Annotated[str, typer.Option(help="help.memory.source", show_default=False)] = "",
    document: Annotated[str, typer.Option(help="help.memory.document", show_default=False)] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="help.memory.dry_run")] = False,
) -> None:
    session = session_of(context)
    request = ErasureRequest(subject=tuple(subject or ()), source=source, document=document)
    session.run(forget_asked(session, request, dry_run=dry_run))


@memory_app.command("erasures", help="help.memory.erasures")
def erasures(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.runs.limit")] = 100,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(list_erasures(session, limit, cursor))


async def rebuild_all(session: Session) -> int:
    done = await session.on_backend(lambda backend: backend.memory_care.rebuild(backend.workspace_id))
    if session.json:
        session.print_json(dataclasses.asdict(done))
    else:
        session.print(session.text("memory.rebuilt", documents=done.documents, chunks=done.chunks))
    return ExitCode.OK


async def reembed_all(session: Session, embedder: str) -> int:
    done = await session.on_backend(
        lambda backend: backend.memory_care.reembed(backend.workspace_id, embedder)
    )
    if session.json:
        session.print_json(dataclasses.asdict(done))
    else:
        session.print(session.text("memory.moved", chunks=done.chunks, embedder=done.embedder))
    return ExitCode.OK


async def forget_asked(session: Session, request: ErasureRequest, *, dry_run: bool) -> int:
    def asked(one: ErasureRequest) -> Callable[[Backend], Awaitable[Erasure]]:
        return lambda backend: backend.memory_care.forget(
            backend.workspace_id, one, by=backend.principal.id, rehearse=dry_run
        )

    try:
        done = await session.on_backend(asked(request))
    except NotFound:
        if session.url or not (request.document or request.source):
            raise
        on_disk = dataclasses.replace(
            request,
            document=request.document and whole_path(request.document),
            source=request.source and whole_path(request.source),
        )
        done = await session.on_backend(asked(on_disk))
    if session.json:
        session.print_json(dataclasses.asdict(done))
        return ExitCode.OK
    for source in done.sources:
        session.print(session.text("memory.would_go", source=shown_name(source)))
    _print_certificate(session, done)
    return ExitCode.OK


async def list_erasures(session: Session, limit: int, cursor: str) -> int:
    found = await session.on_backend(
        lambda backend: backend.memory_care.erasures(backend.workspace_id, after=cursor, limit=limit)
    )
    following = found[-1].id if len(found) == limit else ""
    if session.json:
        items = [dataclasses.asdict(one) for one in found]
        session.print_json({"items": items, "next": following or None})
        return ExitCode.OK
    for one in found:
        _print_certificate(session, one)
    if not found:
        session.say("memory.no_more_erasures" if cursor else "memory.no_erasures")
    return ExitCode.OK


def _print_certificate(session: Session, done: Erasure) -> None:
    counts = ", ".join(f"{_thing(session, name)} {count}" for name, count in done.counts.items() if count)
    key = "memory.erased" if done.id else "memory.would_erase"
    session.print(
        session.text(
            key, id=done.id, documents=done.documents, counts=counts, at=done.made_at[:19], by=done.made_by
        )
    )
    if done.id and not done.purged:
        session.print(session.text("memory.not_purged"))
    told = {one.kind for one in done.naming if one.count}
    for code in done.outside:
        if code not in told:
            session.print("  " + session.text(f"memory.outside.{code}"))
    for one in done.naming:
        if one.count:
            session.print("  " + session.text(f"memory.naming.{one.kind}", count=one.count))
        for named in one.ids:
            session.print(f"    {named}")
        if one.count > len(one.ids):
            session.print("    " + session.text("memory.naming.more", count=one.count - len(one.ids)))
        if one.unread:
            session.print("  " + session.text("memory.naming.unread", count=one.unread))
            for run_id in one.unread_in:
                session.print(f"    {run_id}")


def _thing(session: Session, name: str) -> str:
    """In the reader's language; as it stands on the certificate, where another version wrote it."""
    key = f"memory.count.{name}"
    return session.text(key) if session.text.has(key) else name
