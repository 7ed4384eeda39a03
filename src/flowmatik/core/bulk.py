"""The same done to many runs: implements `BulkRuns`, page by page. What is done is in `bulk_actions.py`."""

import logging
from collections.abc import Callable
from dataclasses import replace

from flowmatik.contracts.bulk import (
    MAX_BULK,
    MAX_REQUEST_CHARACTERS,
    SHOWN_FAILURES,
    SHOWN_RESULTS,
    BulkFailure,
    BulkReport,
    BulkRequest,
    BulkResult,
)
from flowmatik.contracts.runs import EVERY_RUN, RunFilter
from flowmatik.core import asked
from flowmatik.core.bulk_actions import ACTIONS, PASSED, Action, BulkParts, OneRun
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound, Unavailable
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)
PAGE = 200


class BulkService:
    """Implements `BulkRuns`."""

    def __init__(self, parts: BulkParts) -> None:
        self._parts = parts

    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        return await self.treat(workspace_id, request, lambda _: None)

    async def treat(
        self, workspace_id: str, request: BulkRequest, tell: Callable[[BulkResult], None]
    ) -> BulkReport:
        """The same; `tell` hears of every run that is refused, however many there are."""
        action, wanted = checked(request)
        request = replace(request, request_id=request.request_id or new_id("inp"))
        report = BulkReport(
            action=request.action, matched=0, dry_run=request.dry_run, request_id=request.request_id
        )
        cursor, left = request.cursor, request.limit
        while left:
            page = await self._parts.runs.list(workspace_id, wanted, cursor=cursor, limit=min(PAGE, left))
            for run in page.items:
                one = OneRun(workspace_id=workspace_id, run_id=run.id, request=request)
                report = await self._treated(report, action, one, tell)
            left -= len(page.items)
            cursor = page.next  # a place in time: it does not matter what becomes of the runs before it
            if not cursor:
                break
        report = replace(report, more=bool(cursor), next=cursor)
        _record(workspace_id, request, report)
        return report

    async def _treated(
        self, report: BulkReport, action: Action, one: OneRun, tell: Callable[[BulkResult], None]
    ) -> BulkReport:
        report = replace(report, matched=report.matched + 1)
        if report.dry_run:
            return _with(report, BulkResult(run_id=one.run_id, outcome="matched"))
        try:
            made = await action.act(self._parts, one)
        except Unavailable:
            raise
        except FlowmatikError as error:
            return _refused(report, one.run_id, error, tell)
        done = BulkResult(run_id=one.run_id, outcome="done", new_run_id=made)
        return _with(replace(report, done=report.done + 1), done)


def _refused(
    report: BulkReport, run_id: str, error: FlowmatikError, tell: Callable[[BulkResult], None]
) -> BulkReport:
    passed = isinstance(error, NotFound) or (isinstance(error, Conflict) and error.code in PASSED)
    result = BulkResult(
        run_id=run_id,
        outcome="passed" if passed else "failed",
        code=error.code,
        message=error.message,
        values=dict(error.context),
    )
    if passed:
        return _with(replace(report, passed=report.passed + 1), result)
    tell(result)
    failure = BulkFailure(run_id=run_id, code=error.code, message=error.message)
    shown = (*report.failures, failure)[:SHOWN_FAILURES]
    return _with(replace(report, failed=report.failed + 1, failures=shown), result)


def _with(report: BulkReport, result: BulkResult) -> BulkReport:
    if len(report.results) >= SHOWN_RESULTS:
        return report
    return replace(report, results=(*report.results, result))


def _record(workspace_id: str, request: BulkRequest, report: BulkReport) -> None:
    """Who did what to how many; of each run its own history has it, and the log of each that is deleted."""
    if not request.dry_run:
        told = {
            "action": request.action,
            "workspace": workspace_id,
            "by": request.by,
            "request": request.request_id,
            "matched": report.matched,
            "done": report.done,
            "failed": report.failed,
        }
        log.info("runs were treated in bulk", extra=told)


def checked(request: BulkRequest) -> tuple[Action, RunFilter]:
    """What is done, to which runs. Raises InvalidInput."""
    action = ACTIONS.get(request.action)
    if action is None:
        raise InvalidInput(
            f"runs cannot be treated with {request.action[:50]!a}; there is {', '.join(ACTIONS)}",
            code="input.bulk_action",
            context={"value": ascii(request.action[:50]), "known": ", ".join(ACTIONS)},
        )
    if not 1 <= request.limit <= MAX_BULK:
        raise InvalidInput(
            f"limit is {request.limit}; it must be from 1 to {MAX_BULK}",
            code="input.limit",
            context={"limit": request.limit, "most": MAX_BULK},
        )
    if request.wanted == EVERY_RUN and not request.every:
        raise InvalidInput(
            "the filter says nothing, so this would go for every run; narrow it, or say that all are meant",
            code="input.bulk_all",
        )
    _check_words(request, action)
    wanted = request.wanted.statuses or action.statuses
    statuses = tuple(status for status in wanted if status in action.statuses)
    if not statuses:
        raise InvalidInput(
            f"{request.action} does nothing to runs that are {', '.join(wanted)}; it is for those that are "
            f"{', '.join(action.statuses)}",
            code="input.bulk_status",
            context={"action": request.action, "known": ", ".join(action.statuses)},
        )
    return action, replace(request.wanted, statuses=statuses)


def _check_words(request: BulkRequest, action: Action) -> None:
    """What every run would refuse is refused once."""
    asked.check_text("reason", request.reason)
    asked.check_text("request_id", request.request_id)
    if len(request.request_id) > MAX_REQUEST_CHARACTERS:
        raise InvalidInput(
            f"the request id has {len(request.request_id)} characters; at most {MAX_REQUEST_CHARACTERS} are "
            "allowed",
            code="input.bulk_request",
            context={"most": MAX_REQUEST_CHARACTERS},
        )
    action.check(request)
