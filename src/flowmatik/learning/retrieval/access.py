"""What searches ask of what was learned, and what people see of it."""

import logging
from collections import OrderedDict

from flowmatik.contracts.memory_learning import SHIPPED, LearnedLegs, LegWeights
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.learning.retrieval.lessons import learned, weights_of
from flowmatik.learning.retrieval.store import LessonStore

log = logging.getLogger(__name__)
FRESH_SECONDS = 30.0  # a search need not know of the very last answer
CACHED = 64  # workspaces


class StoredLearning:
    """Implements `MemoryLearning` and `LegWeighing`."""

    def __init__(self, store: LessonStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, LegWeights]] = OrderedDict()

    @property
    def store(self) -> LessonStore:
        return self._store

    async def show(self, workspace_id: str) -> LearnedLegs:
        return learned(await self._store.latest(workspace_id))

    async def reset(self, workspace_id: str) -> LearnedLegs:
        await self._store.forget(workspace_id)
        self._known.pop(workspace_id, None)
        return await self.show(workspace_id)

    async def weights(self, workspace_id: str) -> LegWeights:
        now = self._clock.monotonic()
        known = self._known.get(workspace_id)
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            weights = weights_of(await self.show(workspace_id))
        except FlowmatikError as error:  # a search without them is better than none
            log.warning("search does without what was learned", extra={"error": error.code})
            return known[1] if known is not None else SHIPPED
        self._known[workspace_id] = (now, weights)
        self._known.move_to_end(workspace_id)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)
        return weights
