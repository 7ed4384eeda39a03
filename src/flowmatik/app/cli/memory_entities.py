"""`flowmatik memory entities …`: what documents speak of, put right by people."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.cli.answer_view import place_of
from flowmatik.app.cli.memory_care import memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.gazetteer_file import entries_in
from flowmatik.app.texts import shown_name
from flowmatik.contracts.answers import Citation
from flowmatik.contracts.graph_extraction import MOST_PASSAGES
from flowmatik.contracts.memory_entities import LINKS_TO, EntityDetail, Relation
from flowmatik.contracts.memory_graph import Evidence

entities_app = typer.Typer(help="help.entities", no_args_is_help=True)
memory_app.add_typer(entities_app, name="entities")
Name = Annotated[str, typer.Argument(help="help.entities.entity", metavar="ENTITY")]


@entities_app.command("list", help="help.entities.list")
def list_command(
    context: typer.Context,
    text: Annotated[str, typer.Option(help="help.entities.text", show_default=False)] = "",
    kind: Annotated[str, typer.Option(help="help.entities.kind", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, max=498, help="help.runs.limit")] = 100,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(list_entities(session, text, kind, (limit, cursor)))


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


@entities_app.command("read", help="help.entities.read")
def read(
    context: typer.Context,
    source: Annotated[list[str] | None, typer.Option(help="help.entities.source", show_default=False)] = None,
    model: Annotated[str, typer.Option(help="help.facts.model", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST_PASSAGES, help="help.entities.passages")] = 1000,
    max_usd: Annotated[
        float | None,
        typer.Option("--max-usd", min=0, max=100_000, help="help.entities.max_usd", show_default=False),
    ] = None,
) -> None:
    """Without --max-usd it only says what it would cost."""
    session = session_of(context)
    session.run(read_passages(session, source or [], model, limit, max_usd))


async def list_entities(session: Session, text: str, kind: str, page: tuple[int, str]) -> int:
    limit, cursor = page
    found = await session.on_backend(
        lambda backend: backend.memory_entities.list(
            backend.workspace_id, text=text, kind=kind, after=cursor, limit=limit + 1
        )
    )
    following = found[limit - 1].cursor if len(found) > limit else ""
    found = found[:limit]
    if session.json:
        items = [dataclasses.asdict(one) for one in found]
        session.print_json({"items": items, "next": following or None})
        return ExitCode.OK
    for one in found:
        joined = f"  (= {', '.join(map(shown_name, one.merged))})" if one.merged else ""
        session.print(f"{one.mentions:6}  {shown_name(one.name)}{joined}")
    if not found:
        session.say("entities.no_more" if cursor else "entities.no_such" if text or kind else "entities.none")
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


async def read_passages(
    session: Session, sources: list[str], model: str, limit: int, max_usd: float | None
) -> int:
    if max_usd is None:
        cost = await session.on_backend(
            lambda b: b.graph_reader.cost(b.principal, sources=sources, model=model, limit=limit)
        )
        if session.json:
            session.print_json(dataclasses.asdict(cost))
            return ExitCode.OK
        usd = "?" if cost.most_micros is None else f"{cost.most_micros / 1_000_000:.4f}"
        session.print(session.text("entities.cost", model=cost.model, passages=cost.passages, usd=usd))
        return ExitCode.OK
    most = round(max_usd * 1_000_000)
    done = await session.on_backend(
        lambda b: b.graph_reader.read(
            b.principal, sources=sources, model=model, limit=limit, most_micros=most
        )
    )
    if session.json:
        session.print_json(dataclasses.asdict(done))
        return ExitCode.OK
    session.print(
        session.text(
            "entities.read", passages=done.passages, entities=done.entities, relations=done.relations
        )
    )
    if done.failed:
        session.say("entities.unread", passages=done.failed, model=done.model)
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
    for each in one.relations:
        session.print(f"  {_related(session, one, each)}")
    return ExitCode.OK


def _related(session: Session, one: EntityDetail, each: Relation) -> str:
    place = shown_evidence(session, each.passages[0]) if each.passages else shown_name(each.document)
    if each.relation != LINKS_TO:
        said = f"{each.subject} – {each.relation} – {each.object}"
        return f"{shown_name(said)}  ({place})"
    leads_on = each.subject in {one.key, *one.merged}
    return session.text(
        f"entities.{LINKS_TO if leads_on else 'linked_from'}",
        origin=shown_name(each.subject if leads_on else each.object),
        entity=shown_name(each.object if leads_on else each.subject),
        links=round(each.weight),
        place=place,
    )


def shown_evidence(session: Session, one: Evidence) -> str:
    place = Citation(n=0, source=one.source, quote="", lines=one.lines, page=one.page)
    return f"{shown_name(one.source)}{place_of(session, place)}"
