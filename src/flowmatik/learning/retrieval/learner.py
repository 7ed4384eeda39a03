"""Learns from which passages answers cite, as the bus tells when a run has ended well. An answer delivered
again teaches nothing new: there is one lesson for each run."""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flowmatik.contracts.memory import Memory
from flowmatik.contracts.runs import Runs
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.events import CloudEvent, EventBus
from flowmatik.learning.retrieval.lessons import Lesson, lesson_of, mean_of
from flowmatik.learning.retrieval.store import LessonStore

NAME = "search"
SUCCEEDED = "flowmatik.RunSucceeded"
TOOL = "memory_search"
MOST_SEARCHES = 4  # of one run that are looked at: each is made once more, for the scores of its parts
DEPTH = 50


@dataclass(slots=True, kw_only=True)
class Reading:
    """Of a run: what was searched for, what was shown for it, and what the answer cites in the end, which is
    what the verifier let stand."""

    sources: tuple[str, ...] = ()
    asked: dict[str, str] = field(default_factory=lambda: {})
    shown: dict[str, tuple[str, ...]] = field(default_factory=lambda: {})  # passages by query
    cited: frozenset[str] = frozenset()

    def take(self, event: CloudEvent) -> None:
        data = event.data
        match event.type.removeprefix("flowmatik."):
            case "RunCreated":
                self.sources = tuple(data.get("sources") or ())
            case "CallRequested" if data["kind"] == "tool" and data["name"] == TOOL:
                self.asked[data["call_id"]] = str(data["arguments"].get("query") or "")
            case "CallSucceeded" if data["call_id"] in self.asked:
                query = self.asked.pop(data["call_id"])
                if passages := _passages(data.get("result")):
                    self.shown[query] = passages
            case "RunForked" | "TaskRetried":
                self.shown, self.asked = {}, {}  # the parent's, whose answer taught
            case "RunSucceeded":
                answer = data["answer"]
                cited = {str(one.get("passage_id") or "") for one in answer.get("citations") or ()}
                self.cited = frozenset(cited - {""}) if answer.get("found", True) else frozenset()
            case _:
                pass


class SearchLearner:
    def __init__(self, runs: Runs, memory: Memory, store: LessonStore) -> None:
        self._runs = runs
        self._memory = memory
        self._store = store

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe(NAME, self.handle, types=frozenset({SUCCEEDED}), ordered=False)

    async def handle(self, event: CloudEvent) -> None:
        workspace_id, run_id = event.workspace_id, event.subject
        try:
            reading = await read(self._runs.events(workspace_id, run_id))
        except NotFound:
            return  # it was deleted meanwhile, and leaves nothing to learn from
        lesson = await self._lesson(workspace_id, reading)
        if lesson is not None:
            await self._store.keep(workspace_id, run_id, lesson)

    async def _lesson(self, workspace_id: str, reading: Reading) -> Lesson | None:
        found: list[Lesson] = []
        for query, shown in list(reading.shown.items())[:MOST_SEARCHES]:
            if not query or reading.cited.isdisjoint(shown) or reading.cited.issuperset(shown):
                continue
            passages = await self._memory.search(workspace_id, query, limit=DEPTH, sources=reading.sources)
            known = {one.id: dict(one.scores) for one in passages}
            there = [one for one in shown if one in known]  # the others have changed since
            lesson = lesson_of([known[one] for one in there], [one in reading.cited for one in there])
            if lesson is not None:
                found.append(lesson)
        return mean_of(found)


async def read(events: AsyncIterable[CloudEvent]) -> Reading:
    reading = Reading()
    async for event in events:
        reading.take(event)
    return reading


def _passages(result: Any) -> tuple[str, ...]:
    """() for what is no result of a search: one that was too large is kept beside the journal."""
    if not isinstance(result, dict):
        return ()
    rows = cast("Sequence[Mapping[str, Any]]", cast("dict[str, Any]", result).get("passages") or ())
    return tuple(dict.fromkeys(str(row["id"]) for row in rows if "id" in row))
