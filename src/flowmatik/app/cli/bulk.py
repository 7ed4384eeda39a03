"""`flowmatik runs bulk`: the same done to many runs."""

import dataclasses
import sys
from typing import Annotated

import typer

from flowmatik.app.cli.run_filters import Agent, Since, Statuses, Tags, Text, Until, filter_of
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.bulk import MAX_BULK, BulkReport, BulkRequest
from flowmatik.kernel.errors import InvalidInput


def bulk_command(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="help.runs.bulk.action", metavar="ACTION")],
    status: Statuses = None,
    agent: Agent = "",
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    text: Text = "",
    every: Annotated[bool, typer.Option("--all", help="help.runs.bulk.all")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MAX_BULK, help="help.runs.bulk.limit")] = 1_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="help.runs.bulk.dry_run")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="help.runs.bulk.yes")] = False,
) -> None:
    session = session_of(context)
    request = BulkRequest(
        action=action,
        wanted=filter_of(status, agent, tag, since, until, text),
        limit=limit,
        every=every,
        dry_run=dry_run,
    )
    if not (dry_run or yes or sys.stdin.isatty()):
        raise InvalidInput(
            "nobody can be asked whether this is meant; add --yes, or --dry-run to see what it would do",
            code="input.bulk_yes",
        )
    session.run(_bulk(session, request, ask=not yes))


async def _bulk(session: Session, request: BulkRequest, *, ask: bool) -> int:
    if ask:
        counted = await _asked(session, dataclasses.replace(request, dry_run=True))
        if request.dry_run or not counted.matched:
            return _show(session, counted)
        question = session.text("runs.bulk.ask", action=request.action, count=counted.matched)
        if not typer.confirm(question, err=True):
            return ExitCode.CANCELLED
    return _show(session, await _asked(session, request))


async def _asked(session: Session, request: BulkRequest) -> BulkReport:
    return await session.on_backend(lambda backend: backend.bulk.bulk(backend.workspace_id, request))


def _show(session: Session, report: BulkReport) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(report))
    else:
        key = "runs.bulk.would" if report.dry_run else "runs.bulk.done"
        session.print(
            session.text(
                key, action=report.action, matched=report.matched, done=report.done, passed=report.passed
            )
        )
        for failure in report.failures:
            session.print(f"✗ {failure.run_id}: {failure.message} [{failure.code}]")
        if report.more:
            session.say("runs.bulk.more")
    return ExitCode.FAILED if report.failed else ExitCode.OK
