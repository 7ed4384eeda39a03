"""`flowmatik memory entities near|path`: how what documents speak of hangs together."""

import dataclasses
import re
from typing import Annotated

import typer

from flowmatik.app.cli.memory_entities import entities_app, memory_app, shown_evidence
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory_graph import MOST_HOPS, Near, Neighbourhood, Step, Way
from flowmatik.kernel.errors import InvalidInput

__all__ = ["memory_app", "near", "path"]
Entity = Annotated[str, typer.Argument(help="help.entities.entity", metavar="ENTITY")]
Several = Annotated[list[str] | None, typer.Option("--source", help="help.memory.among")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="help.memory.tagged")]
Since = Annotated[str, typer.Option(help="help.memory.since", show_default=False)]
Until = Annotated[str, typer.Option(help="help.memory.until", show_default=False)]
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\S{1,40})?)?)?")


@entities_app.command("near", help="help.entities.near")
def near(
    context: typer.Context,
    entity: Entity,
    hops: Annotated[int, typer.Option(min=1, max=MOST_HOPS, help="help.entities.hops")] = 1,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.entities.limit")] = 50,
    source: Several = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
) -> None:
    session = session_of(context)
    session.run(show_near(session, entity, hops, limit, filter_of(source, tag, since, until)))


@entities_app.command("path", help="help.entities.path")
def path(
    context: typer.Context,
    start: Annotated[str, typer.Argument(help="help.entities.entity", metavar="FROM")],
    end: Annotated[str, typer.Argument(help="help.entities.end", metavar="TO")],
    source: Several = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
) -> None:
    session = session_of(context)
    session.run(show_path(session, start, end, filter_of(source, tag, since, until)))


async def show_near(session: Session, entity: str, hops: int, limit: int, where: Filter) -> int:
    found = await session.on_backend(
        lambda b: b.memory_graph.near(b.workspace_id, entity, hops=hops, limit=limit, where=where)
    )
    if session.json:
        _print_json(session, found)
        return ExitCode.OK
    _say_notices(session, found)
    for one in found.items:
        session.print(f"{one.hops}  {_told(session, one)}")
    return ExitCode.OK


async def show_path(session: Session, start: str, end: str, where: Filter) -> int:
    """No path is an answer too."""
    found = await session.on_backend(lambda b: b.memory_graph.path(b.workspace_id, start, end, where=where))
    if session.json:
        _print_json(session, found)
        return ExitCode.OK
    _say_notices(session, found)
    for one in found.items:
        session.print(_told(session, one))
    if not found.items:
        session.say("entities.no_path", start=shown_name(start), end=shown_name(end))
    return ExitCode.OK


def _print_json(session: Session, found: Neighbourhood | Way) -> None:
    session.print_json({**dataclasses.asdict(found), "next": None})


def _say_notices(session: Session, found: Neighbourhood | Way) -> None:
    for notice in found.notices:
        session.say(f"fault.{notice.code}", **notice.values)


def _told(session: Session, one: Near | Step) -> str:
    links = {"links": round(one.weight)} if one.relation else {}
    return session.text(
        f"entities.{one.relation or 'step'}",
        origin=shown_name(one.origin),
        entity=shown_name(one.entity),
        passages=one.passages,
        place=shown_evidence(session, one.evidence),
        **links,
    )


def filter_of(source: list[str] | None, tag: list[str] | None, since: str, until: str) -> Filter:
    for value in (since, until):
        if value and not _DATE.fullmatch(value):
            raise InvalidInput(
                f"{value[:100]!r} is no date; write a year, a month or a day such as "
                "2024, 2024-05 or 2024-05-31",
                code="input.dated",
                context={"date": value[:100]},
            )
    return Filter(sources=tuple(source or ()), tags=tuple(tag or ()), dated_from=since, dated_until=until)
