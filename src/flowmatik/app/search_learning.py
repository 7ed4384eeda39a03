"""What answers teach searches of memory, put together: who learns, and who asks what was learned."""

from typing import TYPE_CHECKING

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory_learning import MemoryLearning
from flowmatik.contracts.runs import Runs
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.events import EventBus

if TYPE_CHECKING:
    from flowmatik.memory import StoredMemory


def learning_from(
    runs: Runs, bus: EventBus, memory: "StoredMemory", database: Database, clock: Clock
) -> MemoryLearning:
    """Subscribes, and from now on searches go by what was learned; `runs` as the engine has them."""
    from flowmatik.learning.retrieval import LessonStore, SearchLearner, StoredLearning

    store = LessonStore(database, clock)
    SearchLearner(runs, memory, store).subscribe(bus)
    learning = StoredLearning(store, clock)
    memory.use_weighing(learning)
    return learning
