"""`flowmatik alerts hooks …`: webhooks that hear of budgets and of model deployments."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.alerts import ALERT_KINDS, NewAlertHook

alerts_app = typer.Typer(help="help.alerts", no_args_is_help=True)
hooks_app = typer.Typer(help="help.alerts.hooks", no_args_is_help=True)
alerts_app.add_typer(hooks_app, name="hooks")

HookId = Annotated[str, typer.Argument(help="help.alerts.hooks.id", metavar="HOOK_ID")]


@hooks_app.command("list", help="help.alerts.hooks.list")
def list_hooks(context: typer.Context) -> None:
    session = session_of(context)
    session.run(_list(session))


@hooks_app.command("add", help="help.alerts.hooks.add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="help.alerts.hooks.url", metavar="URL")],
    secret: Annotated[str, typer.Option(help="help.alerts.hooks.secret", metavar="env:ALERTS_NAME")],
    kind: Annotated[list[str] | None, typer.Option(help="help.alerts.hooks.kind", show_default=False)] = None,
    language: Annotated[str, typer.Option(help="help.alerts.hooks.language", metavar="en|es")] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="help.alerts.hooks.allow_private")
    ] = False,
) -> None:
    session = session_of(context)
    new = NewAlertHook(
        url=url,
        secret=secret,
        kinds=tuple(kind or ALERT_KINDS),
        language=language or session.text.language,
        allow_private=allow_private,
    )
    session.run(_add(session, new))


@hooks_app.command("remove", help="help.alerts.hooks.remove")
def remove(context: typer.Context, hook_id: HookId) -> None:
    session = session_of(context)
    session.run(_remove(session, hook_id))


@hooks_app.command("test", help="help.alerts.hooks.test")
def test(context: typer.Context, hook_id: HookId) -> None:
    session = session_of(context)
    session.run(_test(session, hook_id))


@hooks_app.command("deliveries", help="help.alerts.hooks.deliveries")
def deliveries(
    context: typer.Context,
    hook_id: HookId,
    limit: Annotated[int, typer.Option(min=1, max=500, help="help.alerts.hooks.limit")] = 50,
) -> None:
    session = session_of(context)
    session.run(_deliveries(session, hook_id, limit))


async def _list(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.alert_hooks.list(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
    elif not found:
        session.say("alerts.none")
    else:
        table = _table(session, "alerts.id", "alerts.url", "alerts.kinds", "alerts.secret")
        for one in found:
            table.add_row(clean(one.id), clean(one.url), ", ".join(one.kinds), clean(one.secret))
        session.out.print(table)
    return ExitCode.OK


async def _add(session: Session, new: NewAlertHook) -> int:
    hook = await session.on_backend(lambda backend: backend.alert_hooks.add(backend.workspace_id, new))
    if session.json:
        session.print_json(dataclasses.asdict(hook))
    else:
        session.print(hook.id)
        session.say("alerts.added", id=hook.id)
    return ExitCode.OK


async def _remove(session: Session, hook_id: str) -> int:
    await session.on_backend(lambda backend: backend.alert_hooks.remove(backend.workspace_id, hook_id))
    if session.json:
        session.print_json({"id": hook_id, "removed": True})
    else:
        session.say("alerts.removed", id=hook_id)
    return ExitCode.OK


async def _test(session: Session, hook_id: str) -> int:
    came = await session.on_backend(lambda backend: backend.alert_hooks.test(backend.workspace_id, hook_id))
    if session.json:
        session.print_json(dataclasses.asdict(came))
    elif came.ok:
        session.say("alerts.taken", status=came.status, milliseconds=came.milliseconds)
    else:
        why = session.text.fault(came.error, {"status": came.status}, came.message)
        session.say("alerts.not_taken", why=why)
    return ExitCode.OK if came.ok else ExitCode.FAILED


async def _deliveries(session: Session, hook_id: str, limit: int) -> int:
    found = await session.on_backend(
        lambda backend: backend.alert_hooks.deliveries(backend.workspace_id, hook_id, limit=limit)
    )
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
    elif not found:
        session.say("alerts.nothing_told")
    else:
        table = _table(
            session, "alerts.at", "alerts.subject", "alerts.state", "alerts.attempts", "alerts.why"
        )
        for one in found:
            when = clean(one.at[:19].replace("T", " "))
            state = session.text(f"alerts.state.{one.state}")
            why = session.text.fault(one.error, {"status": one.status}, one.message) if one.error else ""
            table.add_row(when, clean(one.subject), state, str(one.attempts), clean(why))
        session.out.print(table)
    return ExitCode.OK


def _table(session: Session, *keys: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for key in keys:
        table.add_column(session.text(key))
    return table
