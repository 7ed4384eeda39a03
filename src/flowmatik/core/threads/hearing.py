"""What threads hear of their runs from the bus. Every handler may be told the same again."""

from typing import Any

from flowmatik.contracts.threads import Role
from flowmatik.core.threads.policies import Policies
from flowmatik.core.threads.rows import Entry, Known
from flowmatik.core.threads.store import ThreadStore, place_of
from flowmatik.core.threads.turns import Turns
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.events import CloudEvent, EventBus

SUBSCRIBER = "threads"
PREFIX = "flowmatik."
ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")
TYPES = frozenset(f"{PREFIX}{name}" for name in ("RunCreated", "MessageReceived", "ThreadSummarised", *ENDS))


class Hearing:
    def __init__(self, store: ThreadStore, turns: Turns, policies: Policies) -> None:
        self._store = store
        self._policies = policies
        self._turns = turns

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe(SUBSCRIBER, self.hear, types=TYPES)

    async def hear(self, event: CloudEvent) -> None:
        kind, data = event.type.removeprefix(PREFIX), event.data
        thread = str(data.get("thread") or "")
        try:
            if kind in ENDS:
                await self._ended(event, kind)
            elif not thread:
                return
            elif kind == "RunCreated":
                await self._created(event, thread, data)
            elif kind == "MessageReceived":
                number = int(data["number"])
                await self._store.taken_in(event.workspace_id, thread, event.subject, number)
            elif kind == "ThreadSummarised":
                text, upto = str(data["text"]), int(data["upto"])
                await self._store.summarise(event.workspace_id, thread, text, upto)
        except NotFound as error:
            if error.code != "not_found.thread":  # it was deleted: nobody asks any more
                raise

    async def _created(self, event: CloudEvent, thread: str, data: dict[str, Any]) -> None:
        """Whoever created it may have ended before it could say so."""
        if turn := int(data.get("thread_turn") or 0):
            await self._store.name(event.workspace_id, thread, turn, event.subject)

    async def _ended(self, event: CloudEvent, kind: str) -> None:
        known = await self._store.answered_by(event.workspace_id, event.subject)
        if known is None:
            return
        entry = await self._last_word(known, kind, event.data, event.subject)
        unanswered = entry.code == "superseded"
        unheard = [int(number) for number in event.data.get("unheard") or ()]
        await self._store.end(known, entry, unanswered=unanswered, unheard=unheard)
        if entry.code == "run_failed" and (await self._policies.of(known)).on_failure == "person":
            over = Entry(role=Role.NOTE, code="handed_over", text=entry.text, author=entry.author,
                         key=f"failed:{event.subject}")  # fmt: skip
            await self._store.hand_over(place_of(known), over)
        await self._turns.advance(*place_of(known))

    async def _last_word(self, known: Known, kind: str, data: dict[str, Any], run_id: str) -> Entry:
        author, key = known.thread.agent or "flowmatik", f"turn:{known.turn.number}"
        if kind == "RunSucceeded":
            answer: dict[str, Any] = data.get("answer") or {}
            return Entry(
                role=Role.AGENT, text=str(answer.get("text", "")), author=author, key=key, run_id=run_id
            )
        code, text = "run_failed", str(data.get("message", ""))
        if kind == "RunCancelled":
            code, text = (
                "superseded" if known.turn.superseded else "run_cancelled",
                str(data.get("reason", "")),
            )
        return Entry(role=Role.NOTE, code=code, text=text, author=author, key=key, run_id=run_id)
