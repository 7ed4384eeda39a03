"""`flowmatik approvals …`: look at what runs ask before they act, and decide it."""

import dataclasses
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session, clean, session_of
from flowmatik.app.cli.told import gone_on, json_given
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.approvals import Approval, ApprovalStatus, Decision, Verdict
from flowmatik.kernel.canonical import dumps
from flowmatik.kernel.errors import InvalidInput

approvals_app = typer.Typer(help="help.approvals", no_args_is_help=True)

ApprovalId = Annotated[str, typer.Argument(help="help.approvals.id", metavar="APPROVAL_ID")]
Comment = Annotated[str, typer.Option(help="help.approvals.comment", show_default=False)]


@approvals_app.command("list", help="help.approvals.list")
def list_approvals(
    context: typer.Context,
    status: Annotated[ApprovalStatus, typer.Option(help="help.approvals.status")] = "pending",
    limit: Annotated[int, typer.Option(min=1, max=200, help="help.runs.limit")] = 20,
    cursor: Annotated[str, typer.Option(help="help.runs.cursor", show_default=False)] = "",
) -> None:
    session = session_of(context)
    session.run(_list(session, status, limit, cursor))


@approvals_app.command("show", help="help.approvals.show")
def show(context: typer.Context, approval_id: ApprovalId) -> None:
    session = session_of(context)
    session.run(_show(session, approval_id))


@approvals_app.command("approve", help="help.approvals.approve")
def approve(
    context: typer.Context,
    approval_id: ApprovalId,
    arguments: Annotated[
        str | None, typer.Option(help="help.approvals.arguments", metavar="JSON", show_default=False)
    ] = None,
    comment: Comment = "",
) -> None:
    session = session_of(context)
    changed = _object(json_given("--arguments", arguments))
    session.run(decide(session, approval_id, "approve", changed, comment))


@approvals_app.command("deny", help="help.approvals.deny")
def deny(context: typer.Context, approval_id: ApprovalId, comment: Comment = "") -> None:
    session = session_of(context)
    session.run(decide(session, approval_id, "deny", None, comment))


def _object(given: Any) -> dict[str, Any] | None:
    if given is None or isinstance(given, dict):
        return cast("dict[str, Any] | None", given)
    raise InvalidInput(
        "--arguments must be a JSON object with all arguments of the call", code="input.arguments"
    )


async def _list(session: Session, status: ApprovalStatus, limit: int, cursor: str) -> int:
    page = await session.on_backend(
        lambda backend: backend.approvals.list(
            backend.workspace_id, status=status, cursor=cursor, limit=limit
        )
    )
    if session.json:
        items = [dataclasses.asdict(item) for item in page.items]
        session.print_json({"items": items, "next": page.next or None})
        return ExitCode.OK
    if not page.items:
        session.say("approvals.none")
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for key in ("approvals.id", "approvals.tool", "approvals.arguments", "approvals.asked", "approvals.run"):
        table.add_column(session.text(key), no_wrap=True, overflow="ellipsis")
    for item in page.items:
        arguments = clean(dumps(item.arguments))
        table.add_row(item.id, clean(item.tool), arguments, item.created_at[:19], item.run_id)
    session.out.print(table)
    if page.next:
        session.say("approvals.more", cursor=page.next)
    return ExitCode.OK


async def _show(session: Session, approval_id: str) -> int:
    found = await session.on_backend(lambda backend: backend.approvals.get(backend.workspace_id, approval_id))
    if session.json:
        session.print_json(dataclasses.asdict(found))
        return ExitCode.OK
    show_approval(session, found)
    return ExitCode.OK


def show_approval(session: Session, found: Approval) -> None:
    state = session.text(f"approvals.{found.status}")
    session.print(session.text("approvals.heading", approval=found.id, tool=found.tool, status=state))
    session.print(dumps(found.arguments))
    who = ", ".join(found.approvers) or session.text("approvals.anybody")
    session.print(session.text("approvals.who", who=who, quorum=found.quorum))
    if found.expires_at and found.status == "pending":
        session.print(session.text("approvals.expires", at=found.expires_at))
    for vote in found.votes:
        key = "approvals.void" if vote.void else f"approvals.voted.{vote.decision}"
        line = session.text(key, name=vote.name or vote.by, at=vote.at)
        session.print(f"  {line}" + (f": {vote.comment}" if vote.comment else ""))
    if found.decided_by:
        session.print(session.text("approvals.decided", by=found.decided_by, at=found.decided_at))


async def decide(
    session: Session, approval_id: str, decision: Decision, arguments: dict[str, Any] | None, comment: str
) -> int:
    """About the arguments as they are now: whoever decides on the command line has just seen them."""

    async def work(backend: Backend) -> Approval:
        seen = await backend.approvals.get(backend.workspace_id, approval_id)
        verdict = Verdict(
            decision=decision, arguments_hash=seen.arguments_hash, arguments=arguments, comment=comment
        )
        decided = await backend.approvals.decide(
            backend.workspace_id, approval_id, verdict, by=backend.principal
        )
        await gone_on(backend, decided.run_id)
        return decided

    decided = await session.on_backend(work)
    if session.json:
        session.print_json(dataclasses.asdict(decided))
    else:
        show_approval(session, decided)
    return ExitCode.OK
