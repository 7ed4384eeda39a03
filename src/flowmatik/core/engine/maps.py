"""What the engine does itself for a map: it counts the items before the first one begins, and puts the
results together once the last one has ended. Both only read, and may be done again."""

from collections.abc import AsyncIterator
from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.engine.items import items_of
from flowmatik.core.engine.library import Library
from flowmatik.core.history import PAGE
from flowmatik.core.journal.port import Journal
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

SKIPPED = {"status": "skipped"}  # items that a map which failed did not begin


class Maps:
    def __init__(self, journal: Journal, library: Library) -> None:
        self._journal = journal
        self._library = library

    async def answer(self, call: ev.CallRequested, state: RunState) -> dict[str, Any]:
        """Raises InvalidInput when the items are none, NotFound or EngineError when they cannot be read."""
        task = state.tasks[call.task_id]
        spec = task.spec.map
        if spec is None:
            raise EngineError(f"task {call.task_id!r} is no map", code="engine.state")
        if call.purpose == "items":
            return {"count": len(await items_of(state, spec, self._library))}
        return await self._collected(call.task_id, state)

    async def _collected(self, task_id: str, state: RunState) -> dict[str, Any]:
        """In the order of the items. What an item gave is small, or stands by reference."""
        fan = state.tasks[task_id].fan
        count = fan.count or 0
        entries: list[str] = [canonical.dumps(SKIPPED)] * count
        items: dict[str, int] = {}  # of sub-runs under way
        async for event in self._history(state.created.run_id):
            if isinstance(event, ev.SubRunRequested) and event.task_id == task_id and event.item is not None:
                if event.item == 0:  # in a run that was forked off, all of it may have begun anew
                    entries, items = [canonical.dumps(SKIPPED)] * count, {}
                items[event.sub_id] = event.item
            elif isinstance(event, ev.SubRunEnded) and event.sub_id in items:
                entries[items.pop(event.sub_id)] = canonical.dumps(_entry(event))
        text = f"[{','.join(entries)}]"
        return {
            "items": count,
            "succeeded": fan.succeeded,
            "failed": fan.failed + fan.cancelled,
            "skipped": count - fan.begun,
            "results": await self._library.kept(state.created.run_id, state.created.workspace_id, text),
        }

    async def _history(self, run_id: str) -> AsyncIterator[ev.Event]:
        """The sub-runs among its events, page by page."""
        after = 0
        while page := await self._journal.read(run_id, after_seq=after, limit=PAGE):
            after = page[-1].seq
            for stored in page:
                if stored.type in ("SubRunRequested", "SubRunEnded"):
                    yield ev.decode(stored)


def _entry(event: ev.SubRunEnded) -> dict[str, Any]:
    if event.status == "succeeded":
        return {"status": event.status, **(event.result or {})}
    return {"status": event.status, "error": {"code": event.code, "message": event.message}}
