"""`flowmatik memory …`: documents in, passages out."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.cli.answer_view import place_of
from flowmatik.app.cli.ingest_view import ingest, no_such_path
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.answers import Citation
from flowmatik.contracts.memory import Passage

memory_app = typer.Typer(help="help.memory", no_args_is_help=True)


@memory_app.command("ingest", help="help.memory.ingest")
def ingest_paths(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="help.memory.paths", metavar="PATH…")],
) -> None:
    session = session_of(context)
    for path in paths:
        if not path.exists():
            raise no_such_path(path)
    session.run(_ingest(session, paths))


@memory_app.command("search", help="help.memory.search")
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="help.memory.query", metavar="QUERY")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="help.memory.limit")] = 8,
) -> None:
    session = session_of(context)
    session.run(_search(session, query, limit))


@memory_app.command("status", help="help.memory.status")
def status(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_status(session))


async def _ingest(session: Session, paths: list[Path]) -> int:
    outcomes = await session.on_backend(lambda backend: ingest(session, backend, paths))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(step) for step in outcomes], "next": None})
    only_skipped = bool(outcomes) and all(step.outcome == "skipped" for step in outcomes)
    return ExitCode.FAILED if only_skipped else ExitCode.OK


async def _search(session: Session, query: str, limit: int) -> int:
    passages = await session.on_backend(
        lambda backend: backend.memory.search(backend.workspace_id, query, limit=limit)
    )
    if session.json:
        session.print_json({"items": [dataclasses.asdict(passage) for passage in passages], "next": None})
        return ExitCode.OK
    for passage in passages:
        session.print(_heading(session, passage))
        session.print("    " + " ".join(passage.text.split()))
    if not passages:
        session.say("memory.no_hits")
    return ExitCode.OK


async def _status(session: Session) -> int:
    state = await session.on_backend(lambda backend: backend.memory.status(backend.workspace_id))
    if session.json:
        session.print_json(dataclasses.asdict(state))
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
    return ExitCode.OK


def _heading(session: Session, passage: Passage) -> str:
    here = Citation(n=0, source=passage.source, quote="", lines=passage.lines, page=passage.page)
    heading = f" · {passage.heading}" if passage.heading else ""
    return f"{passage.score:.3f}  {passage.source}{place_of(session, here)}{heading}"
