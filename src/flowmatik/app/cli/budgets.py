"""`flowmatik budgets …`: what runs together may cost, by whom, and in which time."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.budgets import THRESHOLDS, Budget, BudgetUse, DisplayCurrency
from flowmatik.kernel.errors import InvalidInput

budgets_app = typer.Typer(help="help.budgets", no_args_is_help=True)
MICROS = 1_000_000

Scope = Annotated[str, typer.Argument(help="help.budgets.scope", metavar="SCOPE")]


@budgets_app.command("list", help="help.budgets.list")
def list_budgets(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@budgets_app.command("show", help="help.budgets.show")
def show(context: typer.Context, scope: Scope) -> None:
    session = session_of(context)
    session.run(_show(session, scope))


@budgets_app.command("set", help="help.budgets.set")
def set_budget(
    context: typer.Context,
    scope: Scope,
    usd: Annotated[str, typer.Argument(help="help.budgets.usd", metavar="USD")],
    soft: Annotated[bool, typer.Option("--soft", help="help.budgets.soft")] = False,
    at: Annotated[list[int] | None, typer.Option(help="help.budgets.at", show_default=False)] = None,
) -> None:
    session = session_of(context)
    thresholds = THRESHOLDS if at is None else tuple(at)
    session.run(_set(session, scope, usd, soft=soft, thresholds=thresholds))


@budgets_app.command("lift", help="help.budgets.lift")
def lift(context: typer.Context, scope: Scope) -> None:
    session = session_of(context)
    session.run(_lift(session, scope))


@budgets_app.command("alerts", help="help.budgets.alerts")
def alerts(
    context: typer.Context,
    scope: Annotated[str, typer.Option(help="help.budgets.only")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.budgets.limit")] = 50,
) -> None:
    session = session_of(context)
    session.run(_alerts(session, scope, limit))


async def _list(session: Session) -> int:
    async def work(backend: Backend) -> tuple[Sequence[BudgetUse], DisplayCurrency | None]:
        return await backend.budgets.list(backend.workspace_id), await backend.budgets.display()

    found, display = await session.on_backend(work)
    if session.json:
        session.print_json(
            {
                "items": [dataclasses.asdict(one) for one in found],
                "next": None,
                "currency": "USD",
                "display": dataclasses.asdict(display) if display else None,
            }
        )
        return ExitCode.OK
    if not found:
        session.say("budgets.none")
        return ExitCode.OK
    _print(session, found, display)
    return ExitCode.OK


async def _show(session: Session, scope: str) -> int:
    async def work(backend: Backend) -> tuple[BudgetUse, DisplayCurrency | None]:
        return await backend.budgets.get(backend.workspace_id, scope), await backend.budgets.display()

    found, display = await session.on_backend(work)
    if session.json:
        session.print_json(dataclasses.asdict(found))
    else:
        _print(session, [found], display)
    return ExitCode.OK


async def _set(session: Session, scope: str, usd: str, *, soft: bool, thresholds: tuple[int, ...]) -> int:
    budget = Budget(scope=scope, limit_micros=_micros(usd), soft=soft, thresholds=thresholds)
    use = await session.on_backend(lambda backend: backend.budgets.put(backend.workspace_id, budget))
    if session.json:
        session.print_json(dataclasses.asdict(use))
    else:
        key = "budgets.told" if use.soft else "budgets.placed"
        session.say(key, scope=_whose(use), usd=_usd(use.limit_micros))
    return ExitCode.OK


async def _lift(session: Session, scope: str) -> int:
    await session.on_backend(lambda backend: backend.budgets.lift(backend.workspace_id, scope))
    if session.json:
        session.print_json({"scope": scope, "lifted": True})
    else:
        session.say("budgets.lifted", scope=scope)
    return ExitCode.OK


async def _alerts(session: Session, scope: str, limit: int) -> int:
    found = await session.on_backend(
        lambda backend: backend.budgets.alerts(backend.workspace_id, scope=scope, limit=limit)
    )
    if session.json:
        items = [dataclasses.asdict(one) for one in found]
        session.print_json({"items": items, "next": None, "currency": "USD"})
        return ExitCode.OK
    if not found:
        session.say("budgets.no_alerts")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("budgets.at", "budgets.scope", "budgets.period", "budgets.threshold"):
        table.add_column(session.text(key))
    for key in ("budgets.used", "budgets.limit"):
        table.add_column(session.text(key), justify="right")
    for one in found:
        money = (_usd(one.used_micros), _usd(one.limit_micros))
        table.add_row(
            clean(one.at[:19].replace("T", " ")),
            clean(one.scope),
            one.period or "–",
            f"{one.threshold} %",
            *money,
        )
    session.out.print(table)
    return ExitCode.OK


def _print(session: Session, found: Sequence[BudgetUse], display: DisplayCurrency | None) -> None:
    table = Table(box=None, pad_edge=False)
    for key in ("budgets.scope", "budgets.period", "budgets.kind"):
        table.add_column(session.text(key))
    for key in ("budgets.limit", "budgets.spent", "budgets.reserved", "budgets.left"):
        table.add_column(session.text(key), justify="right")
    if display:
        table.add_column(session.text("budgets.left_in", currency=display.currency), justify="right")
    for one in found:
        name = _whose(one)
        kind = session.text("budgets.kind_soft" if one.soft else "budgets.kind_hard")
        amounts = (one.limit_micros, one.spent_micros, one.reserved_micros, one.left_micros)
        shown = (display.of(one.left_micros),) if display else ()
        table.add_row(clean(name), one.period or "–", kind, *map(_usd, amounts), *shown)
    session.out.print(table)
    if display:
        session.say("budgets.display", currency=display.currency, rate=display.rate, as_of=display.as_of)


def _micros(usd: str) -> int:
    """Raises InvalidInput for what is no amount, or has more than six decimals."""
    try:
        micros = Decimal(usd) * MICROS
        if micros.is_finite() and micros == micros.to_integral_value() and micros >= 0:
            return int(micros)
    except InvalidOperation:
        pass
    raise InvalidInput(
        f"{usd!r} is no amount in US dollars; write for instance 25 or 0.000001, with six decimals at most",
        code="input.budget_usd",
        context={"value": usd},
    )


def _usd(micros: int) -> str:
    return f"{micros / MICROS:.6f}".rstrip("0").rstrip(".")


def _whose(use: BudgetUse) -> str:
    """Users and keys stand in a scope by id; their name says more."""
    return f"{use.scope} ({use.name})" if use.name else use.scope
