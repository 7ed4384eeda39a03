"""`flowmatik memory communities`: what the documents are about."""

import dataclasses
from typing import Annotated

import typer

from flowmatik.app.cli.answer_view import place_of
from flowmatik.app.cli.memory_graph import Several, Since, Tags, Until, filter_of, memory_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.texts import shown_name
from flowmatik.contracts.answers import Citation
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory_graph import MOST_COMMUNITIES, Community, Evidence

__all__ = ["communities", "memory_app"]
Limit = Annotated[int, typer.Option(min=1, max=MOST_COMMUNITIES, help="help.memory.communities.limit")]


@memory_app.command("communities", help="help.memory.communities")
def communities(
    context: typer.Context,
    limit: Limit = 20,
    source: Several = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
) -> None:
    session = session_of(context)
    session.run(show_communities(session, limit, filter_of(source, tag, since, until)))


async def show_communities(session: Session, limit: int, where: Filter) -> int:
    found = await session.on_backend(
        lambda b: b.memory_graph.communities(b.workspace_id, limit=limit, where=where)
    )
    if session.json:
        session.print_json({**dataclasses.asdict(found), "next": None})
        return ExitCode.OK
    for notice in found.notices:
        session.say(f"fault.{notice.code}", **notice.values)
    if not found.items:
        session.say("memory.communities.none")
    for one in found.items:
        _print(session, one)
    return ExitCode.OK


def _print(session: Session, one: Community) -> None:
    session.print(", ".join(shown_name(entity.entity) for entity in one.entities))
    values = {"entities": one.size, "passages": one.passages, "documents": one.documents}
    session.print("  " + session.text("memory.communities.size", **values))
    for sentence in one.summary:
        session.print(f"  «{shown_name(sentence.text)}» {_place(session, sentence.evidence)}")
    if not one.summary:
        for evidence in one.evidence:
            session.print(f"  {_place(session, evidence)}")


def _place(session: Session, evidence: Evidence) -> str:
    place = place_of(
        session, Citation(n=0, source=evidence.source, quote="", lines=evidence.lines, page=evidence.page)
    )
    return f"{shown_name(evidence.source)}{place}"
