"""`flowmatik facts …`: what is remembered, since when and on whose word; to be corrected and forgotten."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.facts import (
    Correction,
    Fact,
    FactErasure,
    FactFilter,
    FactPolicy,
    FactScope,
    NewFact,
)
from flowmatik.kernel.errors import InvalidInput

facts_app = typer.Typer(help="help.facts", no_args_is_help=True)

FactId = Annotated[str, typer.Argument(help="help.facts.id", metavar="FACT_ID")]
Scope = Annotated[FactScope | None, typer.Option(help="help.facts.scope", show_default=False)]
Owner = Annotated[str, typer.Option(help="help.facts.owner", show_default=False)]
Since = Annotated[str, typer.Option("--since", help="help.facts.since", show_default=False)]
Until = Annotated[str, typer.Option("--until", help="help.facts.until", show_default=False)]
Subject = Annotated[str, typer.Option(help="help.facts.subject", show_default=False)]
Predicate = Annotated[str, typer.Option(help="help.facts.predicate", show_default=False)]
Valid = Annotated[str, typer.Option("--valid", help="help.facts.valid", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=500, help="help.facts.limit")]


@facts_app.command("list", help="help.facts.list")
def list_facts(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="help.facts.text", metavar="WORDS", show_default=False)] = "",
    scope: Scope = None,
    owner: Owner = "",
    subject: Subject = "",
    predicate: Predicate = "",
    contradicted: Annotated[bool, typer.Option("--contradicted", help="help.facts.contradicted")] = False,
    limit: Limit = 50,
    cursor: Annotated[str, typer.Option(help="help.facts.cursor", show_default=False)] = "",
) -> None:
    wanted = FactFilter(
        scope=scope, owner=owner, subject=subject, predicate=predicate, text=text, contradicted=contradicted
    )
    session = session_of(context)
    session.run(_list(session, wanted, cursor, limit))


@facts_app.command("as-of", help="help.facts.as_of")
def as_of(
    context: typer.Context,
    recorded: Annotated[str, typer.Argument(help="help.facts.recorded", metavar="DATE")],
    valid: Valid = "",
    subject: Subject = "",
    predicate: Predicate = "",
    limit: Limit = 50,
    cursor: Annotated[str, typer.Option(help="help.facts.cursor", show_default=False)] = "",
) -> None:
    wanted = FactFilter(recorded_at=recorded, valid_at=valid, subject=subject, predicate=predicate)
    session = session_of(context)
    session.run(_list(session, wanted, cursor, limit))


@facts_app.command("show", help="help.facts.show")
def show(context: typer.Context, fact_id: FactId) -> None:
    session = session_of(context)
    session.run(_show(session, fact_id))


@facts_app.command("history", help="help.facts.history")
def history(context: typer.Context, fact_id: FactId) -> None:
    session = session_of(context)
    session.run(_history(session, fact_id))


@facts_app.command("add", help="help.facts.add")
def add(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="help.facts.subject", metavar="SUBJECT")],
    predicate: Annotated[str, typer.Argument(help="help.facts.predicate", metavar="PREDICATE")],
    value: Annotated[str, typer.Argument(help="help.facts.value", metavar="VALUE")],
    scope: Annotated[FactScope, typer.Option(help="help.facts.scope")] = FactScope.USER,
    owner: Owner = "",
    since: Since = "",
    until: Until = "",
    importance: Annotated[float, typer.Option(min=0, max=1, help="help.facts.importance")] = 0.5,
    everybody: Annotated[bool, typer.Option("--everybody", help="help.facts.everybody")] = False,
) -> None:
    new = NewFact(
        subject=subject,
        predicate=predicate,
        value=value,
        scope=scope,
        owner=owner,
        valid_from=since,
        valid_until=until,
        importance=importance,
        everybody=everybody,
    )
    session = session_of(context)
    session.run(_add(session, new))


@facts_app.command("correct", help="help.facts.correct")
def correct(
    context: typer.Context,
    fact_id: FactId,
    value: Annotated[str, typer.Argument(help="help.facts.right", metavar="VALUE")],
    since: Since = "",
    until: Until = "",
) -> None:
    session = session_of(context)
    session.run(_correct(session, fact_id, Correction(value=value, valid_from=since, valid_until=until)))


@facts_app.command("end", help="help.facts.end")
def end(
    context: typer.Context,
    fact_id: FactId,
    at: Annotated[str, typer.Option(help="help.facts.at", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_end(session, fact_id, at))


@facts_app.command("forget", help="help.facts.forget")
def forget(
    context: typer.Context,
    fact_id: Annotated[str, typer.Argument(help="help.facts.id", metavar="FACT_ID", show_default=False)] = "",
    mine: Annotated[bool, typer.Option("--mine", help="help.facts.mine")] = False,
    person: Annotated[str, typer.Option(help="help.facts.person", show_default=False)] = "",
) -> None:
    session = session_of(context)
    if (bool(fact_id), mine, bool(person)).count(True) != 1:
        raise InvalidInput("name one fact, or give --mine or --person ID", code="input.fact.which")
    session.run(_forget(session, fact_id, person))


@facts_app.command("erasures", help="help.facts.erasures")
def erasures(context: typer.Context, limit: Limit = 50) -> None:
    session = session_of(context)
    session.run(_erasures(session, limit))


@facts_app.command("policy", help="help.facts.policy")
def policy(
    context: typer.Context,
    listen: Annotated[bool | None, typer.Option("--listen/--no-listen", help="help.facts.listen")] = None,
    special: Annotated[bool | None, typer.Option("--special/--no-special", help="help.facts.special")] = None,
    personal: Annotated[
        bool | None, typer.Option("--personal/--no-personal", help="help.facts.personal")
    ] = None,
) -> None:
    session = session_of(context)
    given = {"listen": listen, "special": special, "personal": personal}
    session.run(_policy(session, {name: value for name, value in given.items() if value is not None}))


@facts_app.command("extract", help="help.facts.extract")
def extract(
    context: typer.Context,
    thread: Annotated[str, typer.Argument(help="help.facts.thread", metavar="THREAD_ID")],
    model: Annotated[str, typer.Option(help="help.facts.model", show_default=False)] = "",
    max_usd: Annotated[
        float | None,
        typer.Option("--max-usd", min=0, max=1_000, help="help.facts.max_usd", show_default=False),
    ] = None,
) -> None:
    """Without --max-usd it only says what it would cost."""
    session = session_of(context)
    session.run(_extract(session, thread, model, max_usd))


async def _extract(session: Session, thread: str, model: str, max_usd: float | None) -> int:
    cost = await session.on_backend(lambda b: b.fact_extraction.cost(b.principal, thread, model=model))
    usd = None if cost.most_micros is None else cost.most_micros / 1_000_000
    if max_usd is None:
        if session.json:
            session.print_json({"model": cost.model, "messages": cost.messages, "most_usd": usd})
        else:
            shown = "?" if usd is None else f"{usd:.4f}"
            session.print(session.text("facts.cost", model=cost.model, messages=cost.messages, usd=shown))
        return ExitCode.OK
    most = round(max_usd * 1_000_000)
    found = await session.on_backend(
        lambda b: b.fact_extraction.extract(b.principal, thread, model=model, most_micros=most)
    )
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
    elif found:
        _table(session, found)
    else:
        session.say("facts.nothing_found")
    return ExitCode.OK


async def _list(session: Session, wanted: FactFilter, cursor: str, limit: int) -> int:
    page = await session.on_backend(
        lambda backend: backend.facts.list(backend.principal, wanted, cursor=cursor, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(one) for one in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("facts.none")
        return ExitCode.OK
    _table(session, page.items)
    if page.next:
        session.say("facts.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, fact_id: str) -> int:
    one = await session.on_backend(lambda backend: backend.facts.get(backend.principal, fact_id))
    return _told(session, one)


async def _history(session: Session, fact_id: str) -> int:
    found = await session.on_backend(lambda backend: backend.facts.history(backend.principal, fact_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    for one in found:
        recorded = f"[{one.recorded_at[:19]} … {one.retracted_at[:19]}]"
        session.print(f"{recorded} {one.value} ({_valid(session, one)}; {one.recorded_by or '–'})")
    return ExitCode.OK


async def _add(session: Session, new: NewFact) -> int:
    return _told(session, await session.on_backend(lambda b: b.facts.add(b.principal, new)))


async def _correct(session: Session, fact_id: str, correction: Correction) -> int:
    work = await session.on_backend(lambda b: b.facts.correct(b.principal, fact_id, correction))
    return _told(session, work)


async def _end(session: Session, fact_id: str, at: str) -> int:
    return _told(session, await session.on_backend(lambda b: b.facts.end(b.principal, fact_id, at=at)))


async def _forget(session: Session, fact_id: str, person: str) -> int:
    if fact_id:
        gone = await session.on_backend(lambda b: b.facts.forget(b.principal, fact_id))
    else:
        gone = await session.on_backend(lambda b: b.facts.forget_person(b.principal, person))
    if session.json:
        session.print_json(dataclasses.asdict(gone))
    else:
        session.print(_certificate(session, gone))
    return ExitCode.OK


async def _erasures(session: Session, limit: int) -> int:
    found = await session.on_backend(lambda b: b.facts.erasures(b.principal, limit=limit))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    for one in found:
        session.print(_certificate(session, one))
    if not found:
        session.say("facts.no_erasures")
    return ExitCode.OK


async def _policy(session: Session, changes: dict[str, bool]) -> int:
    now: FactPolicy = await session.on_backend(lambda b: b.facts.policy(b.principal))
    if changes:
        wanted = dataclasses.replace(now, **changes)
        now = await session.on_backend(lambda b: b.facts.set_policy(b.principal, wanted))
    if session.json:
        session.print_json(dataclasses.asdict(now))
        return ExitCode.OK
    for name in ("listen", "special", "personal"):
        said = session.text("facts.yes" if getattr(now, name) else "facts.no")
        session.print(f"{session.text(f'facts.policy.{name}')}: {said}")
    return ExitCode.OK


def _told(session: Session, one: Fact) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(one))
        return ExitCode.OK
    session.print(f"{one.id}  {one.subject} · {one.predicate}: {one.value}")
    session.print(f"{_whose(one)} · {_valid(session, one)}")
    session.print(session.text("facts.recorded", at=one.recorded_at[:19], by=one.recorded_by or "–"))
    for other in one.contradicts:
        session.say("facts.contradicts", other=other)
    for support in one.supports:
        session.print(f"- {support.kind} {support.ref}: “{support.quote}”")
    return ExitCode.OK


def _table(session: Session, facts: Sequence[Fact]) -> None:
    table = Table(box=None, pad_edge=False)
    for key in ("facts.id", "facts.whose", "facts.fact", "facts.valid", "facts.origin"):
        table.add_column(session.text(key), no_wrap=key == "facts.id", overflow="fold")
    for one in facts:
        mark = " ⚡" if one.contradicts else ""
        said = clean(f"{one.subject} · {one.predicate}: {one.value}{mark}")
        table.add_row(one.id, clean(_whose(one)), said, _valid(session, one), one.origin.value)
    session.out.print(table)


def _whose(one: Fact) -> str:
    return f"{one.scope.value} {one.owner}".strip()


def _valid(session: Session, one: Fact) -> str:
    begins = one.valid_from[:10] or session.text("facts.ever")
    return f"{begins} … {one.valid_until[:10]}".strip()


def _certificate(session: Session, gone: FactErasure) -> str:
    counts = {"facts": gone.facts, "versions": gone.versions, "supports": gone.supports}
    return session.text("facts.erased", id=gone.id, at=gone.at[:19], what=gone.what, **counts)
