"""`flowmatik runs bulk`: the same done to many runs, a batch at a time."""

import dataclasses
import sys
from dataclasses import replace
from typing import Annotated

import typer

from flowmatik.app.cli.asking import agreed
from flowmatik.app.cli.run import budget_of
from flowmatik.app.cli.run_filters import Agent, Since, Statuses, Tags, Text, Until, filter_of
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.told import json_given
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.bulk import MAX_BULK, BulkReport, BulkRequest
from flowmatik.contracts.control import RunChange
from flowmatik.contracts.runs import MAX_PRIORITY
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.ids import new_id

BATCH = 200
LOCAL = "local"  # who asks on the home of this machine: its administrator, by file permission
MARKS = {"done": "✓", "passed": "–", "failed": "✗", "matched": "·"}


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
    reason: Annotated[str, typer.Option(help="help.runs.bulk.reason", show_default=False)] = "",
    hard: Annotated[bool, typer.Option("--hard", help="help.runs.hard")] = False,
    signal: Annotated[str, typer.Option(help="help.runs.bulk.signal", show_default=False)] = "",
    data: Annotated[
        str | None, typer.Option(help="help.runs.signal.data", metavar="JSON", show_default=False)
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget-usd", help="help.runs.change_budget", show_default=False)
    ] = None,
    deadline: Annotated[
        float | None, typer.Option("--deadline-seconds", help="help.runs.change_deadline", show_default=False)
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            min=-MAX_PRIORITY, max=MAX_PRIORITY, help="help.runs.change_priority", show_default=False
        ),
    ] = None,
    acknowledge_doubt: Annotated[
        bool, typer.Option("--acknowledge-doubt", help="help.runs.delete.doubt")
    ] = False,
    request: Annotated[str, typer.Option(help="help.runs.bulk.request", show_default=False)] = "",
) -> None:
    session = session_of(context)
    change = RunChange(budget_micros=budget_of(budget), deadline_seconds=deadline, priority=priority)
    asked = BulkRequest(
        action=action,
        wanted=filter_of(status, agent, tag, since, until, text),
        limit=limit,
        every=every,
        dry_run=dry_run,
        request_id=request or new_id("inp"),
        reason=reason,
        hard=hard,
        signal=signal,
        data=json_given("--data", data),
        change=None if change == RunChange() else change,
        acknowledge_doubt=acknowledge_doubt,
        by=LOCAL,
    )
    if not (dry_run or yes or sys.stdin.isatty()):
        raise InvalidInput(
            "nobody can be asked whether this is meant; add --yes, or --dry-run to see what it would do",
            code="input.bulk_yes",
        )
    session.run(_bulk(session, asked, ask=not yes))


async def _bulk(session: Session, request: BulkRequest, *, ask: bool) -> int:
    if ask or request.dry_run:
        counted = await _asked(session, replace(request, dry_run=True))
        if request.dry_run or not counted.matched:
            return _show(session, counted)
        question = session.text("runs.bulk.ask", action=request.action, count=counted.matched)
        if not agreed(session, question):
            return ExitCode.CANCELLED
    return _show(session, await _in_batches(session, request))


async def _in_batches(session: Session, request: BulkRequest) -> BulkReport:
    """Each of them may be repeated under the request's id: so may the whole command, with --request."""
    whole: BulkReport | None = None
    left = request.limit
    while True:
        cursor = whole.next if whole else ""
        batch = await _asked(session, replace(request, limit=min(BATCH, left), cursor=cursor))
        whole = batch if whole is None else _joined(whole, batch)
        left -= batch.matched
        if not whole.more or left <= 0:
            return whole
        session.say("runs.bulk.progress", count=whole.matched, request=request.request_id)


def _joined(first: BulkReport, second: BulkReport) -> BulkReport:
    return replace(
        second,
        matched=first.matched + second.matched,
        done=first.done + second.done,
        passed=first.passed + second.passed,
        failed=first.failed + second.failed,
        failures=(*first.failures, *second.failures),
        results=(*first.results, *second.results),
    )


async def _asked(session: Session, request: BulkRequest) -> BulkReport:
    return await session.on_backend(lambda backend: backend.bulk.bulk(backend.workspace_id, request))


def _show(session: Session, report: BulkReport) -> int:
    if session.json:
        session.print_json(dataclasses.asdict(report))
        return ExitCode.FAILED if report.failed else ExitCode.OK
    for one in report.results:
        why = session.text.fault(one.code, one.values, one.message) if one.code else one.new_run_id
        session.print(f"{MARKS.get(one.outcome, '·')} {one.run_id}" + (f": {why}" if why else ""))
    key = "runs.bulk.would" if report.dry_run else "runs.bulk.done"
    session.print(
        session.text(
            key,
            action=report.action,
            matched=report.matched,
            done=report.done,
            passed=report.passed,
            failed=report.failed,
        )
    )
    if report.more:
        session.say("runs.bulk.more")
    return ExitCode.FAILED if report.failed else ExitCode.OK
