"""`flowmatik agents versions|history|diff|promote|rollback|deprecate`: which version runs get, and why."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated

import orjson
import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.agent_view import origin, score, shown
from flowmatik.app.cli.agents import agents_app
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.cli.telling import done
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.channels import (
    STABLE,
    AgentChange,
    AgentDiff,
    AgentStanding,
    Author,
    Promotion,
    VersionStanding,
)

Name = Annotated[str, typer.Argument(help="help.agents.name", metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="help.agents.reason", show_default=False)]
LONGEST = 200


@agents_app.command("versions", help="help.agents.versions")
def versions(context: typer.Context, name: Name) -> None:
    session = session_of(context)
    session.run(_versions(session, name))


@agents_app.command("history", help="help.agents.history")
def history(context: typer.Context, name: Name) -> None:
    session = session_of(context)
    session.run(_history(session, name))


@agents_app.command("diff", help="help.agents.diff")
def diff(
    context: typer.Context,
    was: Annotated[str, typer.Argument(help="help.agents.diff.a", metavar="A")],
    becomes: Annotated[str, typer.Argument(help="help.agents.diff.b", metavar="B")],
) -> None:
    session = session_of(context)
    session.run(_diff(session, was, becomes))


@agents_app.command("promote", help="help.agents.promote")
def promote(
    context: typer.Context,
    name: Name,
    source: Annotated[str, typer.Option("--from", help="help.agents.promote.from", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="help.agents.promote.to")] = STABLE,
    weight: Annotated[int, typer.Option(min=1, max=100, help="help.agents.promote.weight")] = 100,
    expect: Annotated[
        int | None, typer.Option(min=0, help="help.agents.promote.expect", show_default=False)
    ] = None,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    wanted = Promotion(name=name, source=source, to=to, weight=weight, expected=expect)
    session.run(
        _change(
            session,
            lambda backend: backend.versions.promote(backend.workspace_id, wanted, author(backend, reason)),
        )
    )


@agents_app.command("rollback", help="help.agents.rollback")
def rollback(
    context: typer.Context,
    name: Name,
    channel: Annotated[str, typer.Option("--channel", help="help.agents.channel")] = STABLE,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    session.run(
        _change(
            session,
            lambda backend: backend.versions.rollback(
                backend.workspace_id, name, author(backend, reason), channel=channel
            ),
        )
    )


@agents_app.command("deprecate", help="help.agents.deprecate")
def deprecate(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(help="help.agents.version_ref", metavar="NAME@VERSION")],
    reason: Reason = "",
    block: Annotated[bool, typer.Option("--block", help="help.agents.deprecate.block")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="help.agents.deprecate.lift")] = False,
) -> None:
    session = session_of(context)
    session.run(
        _change(
            session,
            lambda backend: backend.versions.deprecate(
                backend.workspace_id, ref, author(backend, reason), block=block, lift=lift
            ),
        )
    )


def author(backend: Backend, reason: str = "") -> Author:
    """A server knows by the credential who it is."""
    return Author(by=backend.principal.name or backend.principal.id, reason=reason)


async def _versions(session: Session, name: str) -> int:
    return await done(
        session, lambda backend: backend.versions.standing(backend.workspace_id, name), _print_standing
    )


async def _change(session: Session, work: Callable[[Backend], Awaitable[AgentStanding]]) -> int:
    return await done(session, work, _print_standing, once=True)


def _print_standing(session: Session, standing: AgentStanding) -> None:
    for channel in standing.channels:
        session.print(session.text("agents.points", channel=channel.name, to=shown(channel.shares)))
    table = Table(box=None, pad_edge=False)
    for key in ("agents.version", "agents.made", "agents.score", "agents.origin", "agents.state"):
        table.add_column(session.text(key))
    for one in standing.versions:
        table.add_row(
            one.version,
            one.created_at[:19],
            score(one.evaluations),
            clean(origin(session, one)),
            clean(_state(session, one)),
        )
    session.out.print(table)


def _state(session: Session, one: VersionStanding) -> str:
    if one.deprecation is None:
        return ""
    key = "agents.blocked" if one.deprecation.blocked else "agents.deprecated"
    return f"{session.text(key)}: {one.deprecation.reason}".removesuffix(": ")


async def _history(session: Session, name: str) -> int:
    changes = await session.on_backend(lambda backend: backend.versions.history(backend.workspace_id, name))
    if session.json:
        items = [dataclasses.asdict(change) for change in changes]
        session.print_json({"items": items, "next": None})
        return ExitCode.OK
    for change in changes:
        session.print(_line(session, change))
    return ExitCode.OK


def _line(session: Session, change: AgentChange) -> str:
    what = session.text(f"agents.change.{change.what}")
    return session.text(
        "agents.changed",
        number=change.number,
        at=change.at[:19],
        by=change.by or "–",
        what=what,
        channel=change.channel or "–",
        was=shown(change.was),
        becomes=shown(change.becomes),
        reason=f" — {change.reason}" if change.reason else "",
    )


async def _diff(session: Session, was: str, becomes: str) -> int:
    found: AgentDiff = await session.on_backend(
        lambda backend: backend.versions.diff(backend.workspace_id, was, becomes)
    )
    if session.json:
        session.print_json({**dataclasses.asdict(found), "same": found.same})
        return ExitCode.OK
    if found.same:
        session.say("agents.diff.same", was=found.was, becomes=found.becomes)
        return ExitCode.OK
    session.print(session.text("agents.diff.head", was=found.was, becomes=found.becomes))
    for change in found.fields:
        session.print(
            session.text(
                "agents.diff.field",
                field=change.field,
                was=_value(session, change.was),
                becomes=_value(session, change.becomes),
            )
        )
    if found.instructions:
        session.print(session.text("agents.diff.instructions"))
        session.print(found.instructions)
    return ExitCode.OK


def _value(session: Session, value: object) -> str:
    if value in (None, "", [], (), {}):
        return session.text("agents.diff.nothing")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
