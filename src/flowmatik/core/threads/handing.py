"""The tool by which an agent leaves its conversation to a person. Implements `ToolBox`."""

from typing import Any

from flowmatik.contracts.threads import Role
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext, ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.journal.port import Journal
from flowmatik.core.threads.rows import Entry
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.errors import NotFound, ToolInputInvalid

HAND_TO_PERSON = "hand_to_person"
MAX_REASON_CHARACTERS = 500
_SPEC = ToolSpec(
    name=HAND_TO_PERSON,
    description=(
        "Leave this conversation to a person of the team, for what you cannot or may not settle. Say why; "
        "then tell the user that a person will answer."
    ),
    parameters={
        "type": "object",
        "properties": {
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_REASON_CHARACTERS,
                "description": "why a person is needed, for that person",
            }
        },
        "required": ["reason"],
        "additionalProperties": False,
    },
    effect=Effect.IDEMPOTENT,
    timeout=10.0,
)


class ThreadTools:
    def __init__(self, store: ThreadStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def specs(self) -> dict[str, ToolSpec]:
        return {HAND_TO_PERSON: _SPEC}

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        if name != HAND_TO_PERSON:
            raise NotFound(
                f"there is no tool {name!r} here; there is {HAND_TO_PERSON}",
                code="not_found.tool",
                context={"tool": name, "known": HAND_TO_PERSON},
            )
        reason = arguments.get("reason")
        if not isinstance(reason, str) or not 0 < len(reason.strip()) <= MAX_REASON_CHARACTERS:
            raise ToolInputInvalid(
                f"{HAND_TO_PERSON}: reason: say in 1 to {MAX_REASON_CHARACTERS} characters why a person is "
                "needed",
                code="tool.thread.reason",
                context={"tool": HAND_TO_PERSON, "limit": MAX_REASON_CHARACTERS},
            )
        created = await self._created(context)
        if not created.thread:
            return {"handed_over": False, "why": "this run belongs to no conversation"}
        entry = Entry(
            role=Role.NOTE,
            code="handed_over",
            text=reason.strip(),
            author=created.agent or "flowmatik",
            key=f"hand:{context.idempotency_key}",
            run_id=context.run_id,
        )
        if await self._store.hand_over((context.workspace_id, created.thread), entry):
            return {"handed_over": True}
        return {"handed_over": False, "why": "a person has the conversation already, or it is closed"}

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        """A repetition under the same key changes nothing."""
        del name, arguments, context
        return Reconciled(state="void")

    async def _created(self, context: ToolContext) -> ev.RunCreated:
        first = ev.decode((await self._journal.read(context.run_id, limit=1))[0])
        if not isinstance(first, ev.RunCreated) or first.workspace_id != context.workspace_id:
            raise NotFound(
                f"there is no run {context.run_id!r}",
                code="not_found.run",
                context={"run_id": context.run_id},
            )
        return first
