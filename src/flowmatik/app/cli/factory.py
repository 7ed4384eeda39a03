"""`flowmatik factory list|keep|retire|policy`: agents that were composed for tasks that nobody fits."""

import dataclasses
from typing import Annotated, cast

import typer
from rich.table import Table

from flowmatik.app.cli.agent_versions import Reason, author
from flowmatik.app.cli.answer_view import usd
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.factory import FactoryPolicyView, FactoryRules
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import InvalidInput

factory_app = typer.Typer(help="help.factory", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.agents.name", metavar="NAME")]
COLUMNS = ("agents.name", "factory.need", "agents.state", "factory.results", "agents.made", "evaluate.why")


@factory_app.command("list", help="help.factory.list")
def list_composed(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@factory_app.command("keep", help="help.factory.keep")
def keep(context: typer.Context, name: Name, reason: Reason = "") -> None:
    session = session_of(context)
    session.run(_keep(session, name, reason))


@factory_app.command("retire", help="help.factory.retire")
def retire(context: typer.Context, name: Name, reason: Reason = "") -> None:
    session = session_of(context)
    session.run(_retire(session, name, reason))


@factory_app.command("policy", help="help.factory.policy")
def policy(
    context: typer.Context,
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="help.factory.policy.on", show_default=False)
    ] = None,
    skill: Annotated[
        list[str] | None, typer.Option(help="help.factory.policy.skill", show_default=False)
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option(help="help.factory.policy.tool", show_default=False)
    ] = None,
    effect: Annotated[
        Effect | None, typer.Option(help="help.factory.policy.effect", show_default=False)
    ] = None,
    task_usd: Annotated[
        float | None, typer.Option(min=0, max=1e6, help="help.factory.policy.task_usd", show_default=False)
    ] = None,
    most_a_day: Annotated[
        int | None, typer.Option(min=0, max=1000, help="help.factory.policy.most_a_day", show_default=False)
    ] = None,
    floor_percent: Annotated[
        int | None, typer.Option(min=0, max=100, help="help.factory.policy.floor", show_default=False)
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="help.factory.policy.clear")] = False,
    reason: Reason = "",
) -> None:
    session = session_of(context)
    rules = FactoryRules(
        enabled=enabled is not False,
        skills=tuple(skill) if skill else None,
        tools=tuple(tool) if tool else None,
        effect=effect,
        task_micros=None if task_usd is None else round(task_usd * 1_000_000),
        most_a_day=most_a_day,
        floor_percent=floor_percent,
    )
    said = enabled is not None or rules != FactoryRules()
    session.run(_policy(session, rules if said or clear else None, clear=clear and said, reason=reason))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.factory.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in COLUMNS:
        table.add_column(session.text(key))
    for one in found:
        state, results = session.text(f"factory.{one.state}"), f"+{one.succeeded} -{one.failed}"
        table.add_row(one.name, one.need, state, results, one.made_at[:19], clean(one.why))
    session.out.print(table)
    return ExitCode.OK


async def _keep(session: Session, name: str, reason: str) -> int:
    async with session.backend() as backend:
        agent = await backend.factory.keep(backend.workspace_id, name, author(backend, reason))
    if session.json:
        session.print_json(dataclasses.asdict(agent))
    else:
        session.print(session.text("agents.applied", ref=agent.ref()))
    return ExitCode.OK


async def _retire(session: Session, name: str, reason: str) -> int:
    async with session.backend() as backend:
        await backend.factory.retire(backend.workspace_id, name, author(backend, reason))
    if session.json:
        session.print_json({"retired": name})
    else:
        session.say("agents.removed", name=name)
    return ExitCode.OK


async def _policy(session: Session, rules: FactoryRules | None, *, clear: bool, reason: str) -> int:
    if clear:
        raise InvalidInput("--clear takes no other rule beside it", code="input.factory_clear")
    async with session.backend() as backend:
        place = backend.workspace_id
        if rules is None:
            found = await backend.factory.policy(place)
        else:
            found = await backend.factory.set_policy(place, rules, author(backend, reason))
    if session.json:
        session.print_json(dataclasses.asdict(found))
    else:
        _show_policy(session, found)
    return ExitCode.OK


def _show_policy(session: Session, found: FactoryPolicyView) -> None:
    table = Table(box=None, pad_edge=False)
    for key in ("factory.policy.rule", "factory.policy.own", "factory.policy.holds"):
        table.add_column(session.text(key))
    holds = dataclasses.asdict(found.holds)
    for name, value in dataclasses.asdict(found.own).items():
        open_to = "factory.policy.any" if name == "skills" else "factory.policy.none"
        table.add_row(name, _rule(session, name, value, ""), _rule(session, name, holds[name], open_to))
    session.out.print(table)
    if found.changed_at:
        session.say(
            "factory.policy.changed", by=found.changed_by, at=found.changed_at[:19], reason=found.reason
        )


def _rule(session: Session, name: str, value: object, open_to: str) -> str:
    """`open_to`: the text for a list without anything in it."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return clean(", ".join(map(str, cast("tuple[object, ...]", value)))) or session.text(
            open_to or "factory.policy.none"
        )
    if isinstance(value, bool):
        return session.text("factory.policy.yes" if value else "factory.policy.no")
    return f"{usd(value)} USD" if name == "task_micros" and isinstance(value, int) else str(value)
