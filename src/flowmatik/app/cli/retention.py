"""`flowmatik retention …`, and the commands of `flowmatik runs` that keep a run or delete it."""

import dataclasses
from typing import Annotated

import typer

from flowmatik.app.cli.runs import RunId, runs_app
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.retention import MAX_DAYS, Hold, RetentionPolicy

retention_app = typer.Typer(help="help.retention", no_args_is_help=True)
LOCAL = "local"  # who sets a hold on the home of this machine: its administrator, by file permission

Reason = Annotated[str, typer.Option(help="help.hold.reason", show_default=False)]


@retention_app.command("show", help="help.retention.show")
def show(context: typer.Context) -> None:
    session = session_of(context)
    session.run(show_policy(session))


@retention_app.command("set", help="help.retention.set")
def set_days(
    context: typer.Context,
    days: Annotated[
        int | None, typer.Argument(min=0, max=MAX_DAYS, help="help.retention.days", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(change_policy(session, days))


@retention_app.command("hold", help="help.retention.hold")
def hold_all(context: typer.Context, reason: Reason) -> None:
    session = session_of(context)
    session.run(hold(session, "", reason))


@retention_app.command("release", help="help.retention.release")
def release_all(context: typer.Context) -> None:
    session = session_of(context)
    session.run(release(session, ""))


@runs_app.command("hold", help="help.runs.hold")
def hold_run(context: typer.Context, run_id: RunId, reason: Reason) -> None:
    session = session_of(context)
    session.run(hold(session, run_id, reason))


@runs_app.command("release", help="help.runs.release")
def release_run(context: typer.Context, run_id: RunId) -> None:
    session = session_of(context)
    session.run(release(session, run_id))


@runs_app.command("delete", help="help.runs.delete")
def delete_run(
    context: typer.Context,
    run_id: RunId,
    acknowledge_doubt: Annotated[
        bool, typer.Option("--acknowledge-doubt", help="help.runs.delete.doubt")
    ] = False,
) -> None:
    session = session_of(context)
    session.run(delete(session, run_id, acknowledge_doubt=acknowledge_doubt))


async def show_policy(session: Session) -> int:
    policy = await session.on_backend(lambda backend: backend.retention.policy(backend.workspace_id))
    return _shown(session, policy)


async def change_policy(session: Session, days: int | None) -> int:
    policy = await session.on_backend(lambda backend: backend.retention.set_days(backend.workspace_id, days))
    return _shown(session, policy)


def _shown(session: Session, policy: RetentionPolicy) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(policy))
        return ExitCode.OK
    whose = "own" if policy.own else "default"
    how_long = "days" if policy.runs_days else "for_ever"
    session.print(session.text(f"retention.{how_long}.{whose}", days=policy.runs_days))
    for one in policy.holds:
        session.print(_line(session, one))
    return ExitCode.OK


def _line(session: Session, one: Hold) -> str:
    key = "retention.held.run" if one.run_id else "retention.held.workspace"
    reason = " ".join(one.reason.split())
    return session.text(key, run_id=one.run_id, reason=reason, by=one.by, at=one.at[:10])


async def hold(session: Session, run_id: str, reason: str) -> int:
    held = await session.on_backend(
        lambda backend: backend.retention.hold(backend.workspace_id, run_id, reason=reason, by=LOCAL)
    )
    if session.json:
        session.print_json(dataclasses.asdict(held))
    else:
        session.print(_line(session, held))
    return ExitCode.OK


async def release(session: Session, run_id: str) -> int:
    await session.on_backend(lambda backend: backend.retention.release(backend.workspace_id, run_id))
    if session.json:
        session.print_json({"run_id": run_id, "released": True})
    else:
        session.say("retention.released.run" if run_id else "retention.released.workspace", run_id=run_id)
    return ExitCode.OK


async def delete(session: Session, run_id: str, *, acknowledge_doubt: bool) -> int:
    gone = await session.on_backend(
        lambda backend: backend.retention.delete(
            backend.workspace_id, run_id, acknowledge_doubt=acknowledge_doubt, by=LOCAL
        )
    )
    if session.json:
        session.print_json({**dataclasses.asdict(gone), "deleted": True})
        return ExitCode.OK
    session.say("retention.deleted", run_id=run_id)
    if gone.blobs:
        session.say("retention.deleted.blobs", count=gone.blobs, bytes=gone.blob_bytes)
    return ExitCode.OK
