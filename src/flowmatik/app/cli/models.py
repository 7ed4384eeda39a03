"""`flowmatik models …`: which models there are, what they cost, what they can do, whether they answer."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated, cast

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import usd
from flowmatik.app.cli.asking import agreed
from flowmatik.app.cli.model_health import health, tell_faults
from flowmatik.app.cli.run import budget_of
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.deployments import ListState
from flowmatik.contracts.model_access import Capabilities, ModelEntry, ModelPrice, ModelTest, ProbeCost
from flowmatik.kernel.errors import InvalidInput

MICROS = 1_000_000
REFUSED = "refused: "
models_app = typer.Typer(help="help.models", no_args_is_help=True)
Model = Annotated[str, typer.Argument(help="help.models.model", metavar="MODEL", show_default=False)]
Models = Annotated[
    list[str] | None, typer.Argument(help="help.models.models", metavar="MODEL…", show_default=False)
]


@models_app.command("list", help="help.models.list")
def list_models(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@models_app.command("prices", help="help.models.prices")
def show_prices(context: typer.Context, models: Models = None) -> None:
    session = session_of(context)
    session.run(_prices(session, models or []))


@models_app.command("test", help="help.models.test")
def ask_models(context: typer.Context, models: Models = None) -> None:
    session = session_of(context)
    session.run(_test(session, models or [""]))


@models_app.command("probe", help="help.models.probe")
def probe_model(
    context: typer.Context,
    model: Model = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="help.models.yes")] = False,
    most: Annotated[
        str | None, typer.Option("--max-usd", help="help.models.most", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(_probe(session, model, yes=yes, most=budget_of(most)))


@models_app.command("forget", help="help.models.forget")
def forget_models(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_forget(session))


models_app.command("health", help="help.models.health")(health)


async def _list(session: Session) -> int:
    async def work(backend: Backend) -> tuple[Sequence[ModelEntry], ListState]:
        access, here = backend.model_access, backend.workspace_id
        return await access.list(here), await access.list_state(here)

    entries, state = await session.on_backend(work)
    if session.json:
        items = [dataclasses.asdict(one) for one in entries]
        session.print_json({"items": items, "next": None, "list": dataclasses.asdict(state)})
        return ExitCode.OK
    table = _table(session, "model", "window", "input", "output", "can", "lacks")
    for one in entries:
        name = f"{one.model} *" if one.default else one.model
        window = "–" if one.context_tokens is None else f"{one.context_tokens:,}"
        table.add_row(clean(name), window, *_dollars(one.price), *_able(session, one.capabilities))
    session.out.print(table)
    session.say("models.default")
    tell_faults(session, state)
    return ExitCode.OK


async def _prices(session: Session, models: Sequence[str]) -> int:
    prices = await session.on_backend(
        lambda backend: backend.model_access.prices(backend.workspace_id, models)
    )
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in prices], "next": None})
        return ExitCode.OK
    table = _table(session, "model", "input", "output", "currency", "source")
    for one in prices:
        source = session.text(f"models.source.{one.source}", name=one.as_of)
        table.add_row(clean(one.model), *_dollars(one), one.currency, clean(source))
    session.out.print(table)
    return ExitCode.OK


async def _test(session: Session, models: Sequence[str]) -> int:
    async def work(backend: Backend) -> list[ModelTest]:
        return [await backend.model_access.test(backend.workspace_id, model) for model in models]

    tests = await session.on_backend(work)
    well = all(one.ok for one in tests)
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in tests], "next": None})
        return ExitCode.OK if well else ExitCode.UNAVAILABLE
    for one in tests:
        cost = session.text("models.unknown") if one.cost_micros is None else f"{usd(one.cost_micros)} USD"
        if one.ok:
            tokens = one.input_tokens + one.output_tokens
            values = {"served": one.served_by, "ms": one.milliseconds, "tokens": tokens, "cost": cost}
            session.print("✓ " + session.text("models.answered", model=one.model, **values))
        else:
            why = session.text.fault(one.error, {"model": one.model}, one.message)
            session.print(f"✗ {clean(one.model)}: {clean(why)} ({one.error}, {one.milliseconds} ms)")
    return ExitCode.OK if well else ExitCode.UNAVAILABLE


async def _probe(session: Session, model: str, *, yes: bool, most: int | None) -> int:
    async def work(backend: Backend) -> Capabilities | None:
        cost = await backend.model_access.probe_cost(backend.workspace_id, model)
        if not yes and cost.most_micros != 0 and not _agreed(session, cost):
            return None
        return await backend.model_access.probe(backend.workspace_id, model, most_micros=most)

    found = await session.on_backend(work)
    if found is None:
        session.say("models.not_probed")
        return ExitCode.CANCELLED
    if session.json:
        session.print_json(dataclasses.asdict(found))
        return ExitCode.OK
    for one in found.verdicts:
        mark = {True: "✓", False: "✗", None: "?"}[one.able]
        why = f": {clean(_why(session, one.why))}" if one.why else ""
        session.print(f"{mark} {session.text(f'models.can.{one.capability}')}{why}")
    until = found.expires_at.replace("T", " ")[:16]
    if found.cost_micros is None:
        session.print(session.text("models.probed_unknown", model=found.model, until=until))
    else:
        cost = usd(found.cost_micros)
        session.print(session.text("models.probed", model=found.model, cost=cost, until=until))
    return ExitCode.OK


def _why(session: Session, said: str) -> str:
    """What a probe says of itself has a text; what a provider said stays as it is."""
    if said.startswith(REFUSED):
        return session.text("models.why.refused", said=said.removeprefix(REFUSED))
    return session.text.said(f"models.why.{said.replace(' ', '_')}", {}, said)


def _agreed(session: Session, cost: ProbeCost) -> bool:
    """Asked of a person; where there is none, --yes has to say it."""
    known = {} if cost.most_micros is None else {"most_usd": cost.most_micros / MICROS}
    if session.json or not sys.stdin.isatty():
        price = f"calls that may cost {known['most_usd']} US dollars" if known else "calls of unknown price"
        raise InvalidInput(
            f"probing {cost.model!r} makes up to {cost.calls} {price}, and nobody can be asked here; "
            "add --yes",
            code="input.probe_unasked",
            context={"model": cost.model, "calls": cost.calls, **known},
        )
    values: dict[str, object] = {"model": clean(cost.model), "calls": cost.calls}
    if cost.most_micros is None:
        return agreed(session, session.text("models.ask_unknown", **values))
    return agreed(session, session.text("models.ask", **values, most=usd(cost.most_micros)))


async def _forget(session: Session) -> int:
    gone = await session.on_backend(lambda backend: backend.model_access.forget(backend.workspace_id))
    if session.json:
        session.print_json(dataclasses.asdict(gone))
    else:
        session.print(session.text("models.forgotten", answers=gone.answers, probes=gone.probes))
    return ExitCode.OK


def _able(session: Session, found: Capabilities | None) -> tuple[str, str]:
    if found is None or found.expired:
        return (session.text("models.unprobed" if found is None else "models.expired"), "")
    names = {able: [one.capability for one in found.verdicts if one.able is able] for able in (True, False)}
    said = [", ".join(session.text(f"models.can.{name}") for name in names[able]) for able in (True, False)]
    return cast("tuple[str, str]", tuple(said))


def _dollars(price: ModelPrice) -> tuple[str, str]:
    return (
        "–" if price.input is None else f"{price.input:g}",
        "–" if price.output is None else f"{price.output:g}",
    )


def _table(session: Session, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(session.text(f"models.{name}"))
    return table
