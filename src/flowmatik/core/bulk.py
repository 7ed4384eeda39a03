"""The same done to many runs: implements `BulkRuns` over `Runs`, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from flowmatik.contracts.bulk import MAX_BULK, SHOWN_FAILURES, BulkFailure, BulkReport, BulkRequest
from flowmatik.contracts.runs import EVERY_RUN, RunFilter, Runs, RunStatus
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound, Unavailable

PAGE = 200
OPEN = tuple(status for status in RunStatus if not status.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is done to each run (given the runs, its workspace and id), and in which states it can be. Doing
    it twice must be as good as once; Conflict says that the run is in another state by now."""

    statuses: tuple[RunStatus, ...]
    act: Callable[[Runs, str, str], Awaitable[None]]


ACTIONS: Mapping[str, Action] = {
    "cancel": Action(statuses=OPEN, act=lambda runs, workspace_id, run_id: runs.cancel(workspace_id, run_id)),
}


class BulkService:
    """Implements `BulkRuns`."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        action, wanted = _checked(request)
        report = BulkReport(action=request.action, matched=0, dry_run=request.dry_run)
        async for run_id in self._matching(workspace_id, wanted):
            if report.matched == request.limit:
                return replace(report, more=True)
            report = replace(report, matched=report.matched + 1)
            if not request.dry_run:
                report = await self._done(report, action, workspace_id, run_id)
        return report

    async def _matching(self, workspace_id: str, wanted: RunFilter) -> AsyncIterator[str]:
        """A page at a time; the cursor is a place in time, so that it does not matter what becomes of the
        runs before it."""
        cursor = ""
        while True:
            page = await self._runs.list(workspace_id, wanted, cursor=cursor, limit=PAGE)
            for run in page.items:
                yield run.id
            cursor = page.next
            if not cursor:
                return

    async def _done(self, report: BulkReport, action: Action, workspace_id: str, run_id: str) -> BulkReport:
        try:
            await action.act(self._runs, workspace_id, run_id)
        except (Conflict, NotFound):
            return replace(report, passed=report.passed + 1)
        except Unavailable:
            raise
        except FlowmatikError as error:
            failure = BulkFailure(run_id=run_id, code=error.code, message=error.message)
            shown = (*report.failures, failure)[:SHOWN_FAILURES]
            return replace(report, failed=report.failed + 1, failures=shown)
        return replace(report, done=report.done + 1)


def _checked(request: BulkRequest) -> tuple[Action, RunFilter]:
    """What is done, to which runs."""
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
    asked = request.wanted.statuses or action.statuses
    statuses = tuple(status for status in asked if status in action.statuses)
    if not statuses:
        raise InvalidInput(
            f"{request.action} does nothing to runs that are {', '.join(asked)}; it is for those that are "
            f"{', '.join(action.statuses)}",
            code="input.bulk_status",
            context={"action": request.action, "known": ", ".join(action.statuses)},
        )
    return action, replace(request.wanted, statuses=statuses)
