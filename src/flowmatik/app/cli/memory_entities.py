"""`flowmatik memory entities …`: what documents speak of, put right by people."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.cli.memory_care import memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.gazetteer_file import entries_in
from flowmatik.app.texts import shown_name
from flowmatik.contracts.memory_entities import EntityDetail

entities_app = typer.Typer(help="help.entities", no_args_is_help=True)
memory_app.add_typer(entities_app, name="entities")
Name = Annotated[str, typer.Argument(help="help.entities.entity", metavar="ENTITY")]


@entities_app.command("list", help="help.entities.list")
def list_command(
    context: typer.Context,
    text: Annotated[str, typer.Option(help="help.entities.text", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, max=499, help="help.runs.limit")] = 100,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(list_entities(session, text, limit, cursor))


@entities_app.command("show", help="help.entities.show")
def show(context: typer.Context, entity: Name) -> None:
    session = session_of(context)
    session.run(show_entity(session, entity))


@entities_app.command("merge", help="help.entities.merge")
def merge(
    context: typer.Context,
    entity: Name,
    into: Annotated[str, typer.Argument(help="help.entities.into", metavar="INTO")],
) -> None:
    session = session_of(context)
    session.run(merge_entities(session, entity, into))


@entities_app.command("split", help="help.entities.split")
def split(context: typer.Context, entity: Name) -> None:
    session = session_of(context)
    session.run(split_entity(session, entity))


@entities_app.command("names", help="help.entities.names")
def names(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="help.entities.file", metavar="[FILE]")] = None,
) -> None:
    """Without a file it shows those that there are."""
    session = session_of(context)
    session.run(supplied_names(session, file))


async def list_entities(session: Session, text: str, limit: int, cursor: str) -> int:
    found = await session.on_backend(
        lambda backend: backend.memory_entities.list(
            backend.workspace_id, text=text, after=cursor, limit=limit
        )
    )
    following = found[-1].key if len(found) == limit else ""
    if session.json:
        items = [dataclasses.asdict(one) for one in found]
        session.print_json({"items": items, "next": following or None})
        return ExitCode.OK
    for one in found:
        joined = f"  (= {', '.join(map(shown_name, one.merged))})" if one.merged else ""
        session.print(f"{one.mentions:6}  {shown_name(one.key)}{joined}")
    if not found:
        session.say("entities.none")
    elif following:
        session.say("entities.more", cursor=following)
    return ExitCode.OK


async def show_entity(session: Session, entity: str) -> int:
    return _told(session, await session.on_backend(lambda b: b.memory_entities.show(b.workspace_id, entity)))


async def merge_entities(session: Session, entity: str, into: str) -> int:
    done = await session.on_backend(
        lambda b: b.memory_entities.merge(b.workspace_id, entity, into, by=b.principal.id)
    )
    return _told(session, done)


async def split_entity(session: Session, entity: str) -> int:
    return _told(session, await session.on_backend(lambda b: b.memory_entities.split(b.workspace_id, entity)))


async def supplied_names(session: Session, file: Path | None) -> int:
    if file is not None:
        entries = await asyncio.to_thread(entries_in, file)
        count = await session.on_backend(lambda b: b.memory_entities.set_gazetteer(b.workspace_id, entries))
        if session.json:
            session.print_json({"names": count})
        else:
            session.print(session.text("entities.loaded", names=count))
        return ExitCode.OK
    there = await session.on_backend(lambda b: b.memory_entities.gazetteer(b.workspace_id))
    if session.json:
        session.print_json({"names": [dataclasses.asdict(one) for one in there]})
        return ExitCode.OK
    for one in there:
        more = "; ".join((*one.aliases, *((f"[{one.kind}]",) if one.kind else ())))
        session.print(f"{shown_name(one.name)}  {shown_name(more)}".rstrip())
    if not there:
        session.say("entities.no_names")
    return ExitCode.OK


def _told(session: Session, one: EntityDetail) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(one))
        return ExitCode.OK
    kind = f" [{one.kind}]" if one.kind else ""
    session.print(session.text("entities.is", entity=f"{shown_name(one.key)}{kind}", mentions=one.mentions))
    for label, texts in (("names", one.names), ("merged", one.merged), ("documents", one.documents)):
        if texts:
            shown = "; ".join(map(shown_name, texts))
            session.print("  " + session.text(f"entities.{label}", texts=shown))
    return ExitCode.OK
