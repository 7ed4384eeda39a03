"""`flowmatik costs` and `flowmatik ledger …`: what was spent, by whom and for what, and the bookings."""

import csv
import dataclasses
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Literal

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import usd
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.ledger import (
    MOST_GROUPS,
    Booking,
    BookingPage,
    CostQuery,
    CostReport,
    Costs,
    LedgerCheck,
    conditions,
    cost_table,
    plain_cell,
)
from flowmatik.kernel import canonical

ledger_app = typer.Typer(help="help.ledger", no_args_is_help=True)

Since = Annotated[str, typer.Option(help="help.costs.since", show_default=False, metavar="DAY")]
Until = Annotated[str, typer.Option(help="help.costs.until", show_default=False, metavar="DAY")]
Where = Annotated[
    list[str] | None, typer.Option(help="help.costs.where", show_default=False, metavar="DIMENSION=VALUE")
]


def costs(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="help.costs.by", show_default=False, metavar="DIMENSIONS")] = "",
    since: Since = "",
    until: Until = "",
    where: Where = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="help.costs.csv")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_GROUPS, help="help.costs.limit")] = 50,
) -> None:
    session = session_of(context)
    session.run(_costs(session, _query(by, since, until, where), limit, as_csv=as_csv))


@ledger_app.command("export", help="help.ledger.export")
def export(
    context: typer.Context,
    since: Since = "",
    until: Until = "",
    where: Where = None,
    kind: Annotated[
        Literal["csv", "jsonl"] | None,
        typer.Option("--format", help="help.ledger.format", show_default=False),
    ] = None,
) -> None:
    session = session_of(context)
    kind = kind or ("jsonl" if session.json else "csv")
    session.run(_export(session, _query("", since, until, where), kind))


@ledger_app.command("check", help="help.ledger.check")
def check(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_check(session))


@ledger_app.command("rebuild", help="help.ledger.rebuild")
def rebuild(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_rebuild(session))


@ledger_app.command("forget-user", help="help.ledger.forget_user")
def forget_user(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="help.ledger.user", metavar="USER_ID")],
) -> None:
    session = session_of(context)
    session.run(_forget_user(session, user))


def _query(by: str, since: str, until: str, where: list[str] | None) -> tuple[str, str, str, list[str]]:
    return by, since, until, where or []


def _asked(given: tuple[str, str, str, list[str]]) -> CostQuery:
    by, since, until, where = given
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    return CostQuery(by=names, since=since, until=until, where=conditions(where))


async def _costs(
    session: Session, given: tuple[str, str, str, list[str]], limit: int, *, as_csv: bool
) -> int:
    query = _asked(given)
    report = await session.on_backend(
        lambda backend: backend.ledger.costs(backend.workspace_id, query, limit=limit)
    )
    if session.json:
        session.print_json({**dataclasses.asdict(report), "next": report.next or None})
    elif as_csv:
        heads, rows = cost_table(report, query.by)
        _write([heads, *rows])
    else:
        _show(session, report, query.by)
    if report.next:
        session.say("costs.more", count=limit)
    return ExitCode.OK


def _show(session: Session, report: CostReport, by: tuple[str, ...]) -> None:
    if by:
        table = Table(box=None, pad_edge=False)
        for name in by:
            table.add_column(name, overflow="fold")
        for key in ("calls", "tokens", "spent", "open"):
            table.add_column(session.text(f"costs.{key}"), justify="right", no_wrap=True)
        for group in report.items:
            if _is_settled_elsewhere(group.costs):
                continue
            of = (clean(group.of[name]) or "–" for name in by)
            one = group.costs
            tokens = f"{one.input_tokens} + {one.output_tokens}"
            table.add_row(*of, str(one.calls), tokens, usd(one.spent_micros), usd(one.reserved_micros))
        session.out.print(table)
    _total(session, report.total)


def _is_settled_elsewhere(costs: Costs) -> bool:
    """What was set aside under the name that was asked for is settled under that of who answered."""
    return not (costs.calls or costs.spent_micros or costs.reserved_micros or costs.unpriced or costs.open)


def _total(session: Session, total: Costs) -> None:
    session.print(
        session.text(
            "costs.total",
            usd=usd(total.spent_micros),
            calls=total.calls,
            estimated=usd(total.estimated_micros),
        )
    )
    if total.worst_case:
        share = usd(total.worst_case_micros)
        session.print(session.text("costs.worst_case", count=total.worst_case, usd=share))
    if total.unpriced:
        session.print(session.text("costs.unpriced", count=total.unpriced))
    if total.open:
        session.print(session.text("costs.held", count=total.open, usd=usd(total.reserved_micros)))


async def _export(session: Session, given: tuple[str, str, str, list[str]], kind: str) -> int:
    query = _asked(given)

    async def work(backend: Backend) -> None:
        names = [one.name for one in dataclasses.fields(Booking)]
        if kind == "csv":
            _write([[*names, "currency"]])
        async for page in _pages(backend, query):
            if kind == "csv":
                _write([*(_cell(getattr(one, name)) for name in names), page.currency] for one in page.items)
            else:
                for one in page.items:
                    row = {**dataclasses.asdict(one), "currency": page.currency}
                    session.print_line(canonical.dumps(row))

    await session.on_backend(work)
    return ExitCode.OK


async def _pages(backend: Backend, query: CostQuery) -> AsyncIterator[BookingPage]:
    cursor = ""
    while True:
        page = await backend.ledger.bookings(backend.workspace_id, query, cursor=cursor, limit=MOST_GROUPS)
        yield page
        if not (cursor := page.next):
            return


def _cell(value: str | int | tuple[str, ...]) -> str | int:
    return " ".join(value) if isinstance(value, tuple) else value


def _write(rows: Iterable[Iterable[str | int]]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerows([plain_cell(cell) for cell in row] for row in rows)
    sys.stdout.flush()


async def _check(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.ledger.check(backend.workspace_id))
    if session.json:
        session.print_json(dataclasses.asdict(found))
    else:
        _told(session, found)
    return ExitCode.FAILED if found.found else ExitCode.OK


def _told(session: Session, found: LedgerCheck) -> None:
    session.print(
        session.text(
            "ledger.checked",
            runs=found.runs,
            deleted=found.deleted,
            bookings=found.bookings,
            usd=usd(found.spent_micros),
        )
    )
    for one in found.differences:
        where = " ".join(part for part in (one.run, one.call, one.scope) if part)
        what = session.text(f"ledger.difference.{one.code}")
        session.print(f"✗ {clean(where)}: {what} ({usd(one.ledger_micros)} · {usd(one.other_micros)})")
    session.print(session.text("ledger.differences", count=found.found))


async def _rebuild(session: Session) -> int:
    made = await session.on_backend(lambda backend: backend.ledger.rebuild(backend.workspace_id))
    if session.json:
        session.print_json(dataclasses.asdict(made))
    else:
        session.print(
            session.text("ledger.rebuilt", runs=made.runs, changed=made.changed, bookings=made.bookings)
        )
    return ExitCode.OK


async def _forget_user(session: Session, user: str) -> int:
    count = await session.on_backend(lambda backend: backend.ledger.forget_user(backend.workspace_id, user))
    if session.json:
        session.print_json({"bookings": count})
    else:
        session.print(session.text("ledger.forgotten", count=count))
    return ExitCode.OK
