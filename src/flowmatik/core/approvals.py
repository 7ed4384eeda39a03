"""What people decide before calls are made: implements `Approvals` over the journal."""

from typing import Any

from flowmatik.contracts.approvals import Approval, ApprovalPage, ApprovalStatus, Verdict
from flowmatik.contracts.security import Principal
from flowmatik.core.approving import judged, shown
from flowmatik.core.engine.gate import Gate
from flowmatik.core.journal.approval_records import ApprovalRow, place_of_approval
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.core.plan_edits import check_tasks, is_plan
from flowmatik.core.services import EngineServices
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

MAX_COMMENT = 2000


class ApprovalService:
    def __init__(self, services: EngineServices, engine: Gate) -> None:
        self._services = services
        self._journal = services.journal
        self._engine = engine

    async def list(
        self, workspace_id: str, *, status: ApprovalStatus = "pending", cursor: str = "", limit: int = 50
    ) -> ApprovalPage:
        check_limit(limit)
        at = place_at(cursor, str, str)
        rows = await self._services.seen_from(workspace_id).approvals(
            workspace_id, status=status, after=(at[0], at[1]) if at else None, limit=limit + 1
        )
        items = rows[:limit]
        more = cursor_of(place_of_approval(items[-1])) if len(rows) > limit else ""
        return ApprovalPage(items=tuple(map(shown, items)), next=more)

    async def get(self, workspace_id: str, approval_id: str) -> Approval:
        return shown(await self._services.seen_from(workspace_id).approval(workspace_id, approval_id))

    async def decide(
        self, workspace_id: str, approval_id: str, verdict: Verdict, *, by: Principal
    ) -> Approval:
        """Counted from the row as it is and written only if it still is: with each try somebody else's vote
        has gone down, so that it ends."""
        seen = await self._services.seen_from(workspace_id).approval(workspace_id, approval_id)
        self._check(seen, verdict)
        if verdict.arguments is not None and is_plan(seen):
            await check_tasks(self._services, seen, verdict.arguments)
        while True:
            row = await self._journal.approval(workspace_id, approval_id)
            if await self._journal.decide_approval(judged(row, verdict, by)):
                break
        self._engine.nudge(row.run_id)
        return await self.get(workspace_id, approval_id)

    def _check(self, seen: ApprovalRow, verdict: Verdict) -> None:
        if len(verdict.comment) > MAX_COMMENT:
            raise InvalidInput(
                f"the comment has {len(verdict.comment)} characters; at most {MAX_COMMENT} are kept",
                code="input.approval.comment",
                context={"most": MAX_COMMENT},
            )
        if verdict.arguments is None:
            return
        if verdict.decision == "deny":
            raise InvalidInput(
                "who denies changes no arguments; leave them out", code="input.approval.denied_arguments"
            )
        if is_plan(seen):
            return
        tool = seen.tool
        spec = self._services.tools.specs().get(tool)
        said = _fault(verdict.arguments, spec.parameters if spec else None)
        if said:
            told = f"{said['place']}: {said['text']}".removeprefix(": ")
            raise InvalidInput(
                f"the changed arguments do not fit the tool {tool!r}: {told}",
                code="input.approval.arguments",
                context={"tool": tool, "said": said},
            )


def _fault(arguments: dict[str, Any], schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Why a tool cannot be called with them, as a value of a fault that tells of it; None when it can."""
    if schema is None:
        return _told("", "the tool is not there")
    from jsonschema import Draft202012Validator

    try:
        text = canonical.dumps(arguments)
    except TypeError as error:
        return _told("", str(error))
    if canonical.is_deeper(text):
        return _told("", f"nested in more than {canonical.DEEPEST} levels")
    validator: Any = Draft202012Validator(schema)
    error: Any = next(iter(validator.iter_errors(arguments)), None)
    if error is None:
        return None
    return _told(".".join(map(str, error.absolute_path)), error.message[:200])


def _told(place: str, said: str) -> dict[str, Any]:
    return {"place": place, "code": "schema.other", "values": {"said": said}, "text": said}
