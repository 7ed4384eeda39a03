"""`flowmatik memory search`: passages, among what one likes, and why they were found."""

import dataclasses
from enum import StrEnum
from typing import Annotated

import typer

from flowmatik.app.cli.answer_view import place_of
from flowmatik.app.cli.memory_learning import memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.contracts.answers import Citation
from flowmatik.contracts.memory import Found, Passage, Reason, Search
from flowmatik.kernel.errors import InvalidInput

__all__ = ["memory_app", "search", "search_asked"]
Several = list[str] | None


class Expansion(StrEnum):
    PASSAGE = "passage"
    SECTION = "section"
    DOCUMENT = "document"


@memory_app.command("search", help="help.memory.search")
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="help.memory.query", metavar="QUERY")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="help.memory.limit")] = 8,
    source: Annotated[Several, typer.Option(help="help.memory.among")] = None,
    tag: Annotated[Several, typer.Option(help="help.memory.tagged")] = None,
    since: Annotated[str, typer.Option(help="help.memory.since", show_default=False)] = "",
    until: Annotated[str, typer.Option(help="help.memory.until", show_default=False)] = "",
    language: Annotated[Several, typer.Option(help="help.memory.language")] = None,
    expand: Annotated[Expansion, typer.Option(help="help.memory.expand")] = Expansion.PASSAGE,
    why: Annotated[bool, typer.Option("--why", help="help.memory.why")] = False,
) -> None:
    session = session_of(context)
    asked = Search(
        query=query,
        limit=limit,
        sources=tuple(source or ()),
        tags=tuple(tag or ()),
        dated_from=since,
        dated_until=until,
        languages=tuple(language or ()),
        expand=expand.value,
    )
    session.run(search_asked(session, asked, why=why))


async def search_asked(session: Session, asked: Search, *, why: bool = False) -> int:
    if not asked.query.strip():
        raise InvalidInput("the query is empty; say what to search for", code="input.query_empty")
    found = await session.on_backend(lambda backend: backend.memory.find(backend.workspace_id, asked))
    if session.json:
        items = [dataclasses.asdict(passage) for passage in found.items]
        answerable = dataclasses.asdict(found.answerable)
        notices = [dataclasses.asdict(one) for one in found.notices]
        told = {"items": items, "answerable": answerable, "notices": notices, "next": None}
        session.print_json(told)
        return ExitCode.OK
    for notice in found.notices:
        session.say(f"fault.{notice.code}", **notice.values)
    if not found.items:
        if not any(one.code.startswith("search.no_") for one in found.notices):
            session.say("memory.no_hits")
        return ExitCode.OK
    percent = round(100 * found.answerable.score)
    if not found.answerable.likely:  # in front of scores that would say otherwise, in a pipe too
        session.print(session.text("memory.unlikely", percent=percent))
    for passage in found.items:
        session.print(_heading(session, passage))
        session.print("    " + " ".join(passage.text.split()))
        if passage.also_in:
            others = ", ".join(map(shown_name, passage.also_in))
            session.print("    " + session.text("memory.also_in", sources=others))
        for reason in passage.why if why else ():
            session.print("    - " + _reason(session, reason, found))
    if found.answerable.likely and why:
        session.say("memory.likely", percent=percent)
    return ExitCode.OK


def _reason(session: Session, reason: Reason, found: Found) -> str:
    via = next((one for one in found.items if one.id == reason.via), None)
    beyond = "_beyond" if reason.kind in ("link", "answer") and via is None else ""
    learned = reason.kind == "learned"
    return session.text(
        f"memory.why.{reason.kind}{beyond}",
        percent=round(100 * reason.value),
        value=f"{reason.value:.2f}",
        entity=session.text(f"memory.leg.{reason.entity}") if learned else reason.entity,
        via=f"{shown_name(via.source)}{_place(session, via)}" if via else "",
    )


def _heading(session: Session, passage: Passage) -> str:
    heading = f" · {passage.heading}" if passage.heading else ""
    return f"{passage.score:.3f}  {shown_name(passage.source)}{_place(session, passage)}{heading}"


def _place(session: Session, passage: Passage) -> str:
    return place_of(
        session, Citation(n=0, source=passage.source, quote="", lines=passage.lines, page=passage.page)
    )
