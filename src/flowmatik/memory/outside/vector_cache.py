"""Vectors of passages that searches looked at, read from the store once."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

MOST = 8192  # vectors of one workspace: 12 MB of 384 numbers

Vector = npt.NDArray[np.float32]


class VectorCache:
    """Of one workspace and one embedder, by the passages' numbers, which never stand for anything else. It
    knows nothing of who may see them: who asks says the numbers."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._revision = -1
        self._held: OrderedDict[int, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, revision: int, there: npt.NDArray[np.int64]) -> None:
        """At another revision, what is not `there` (sorted) any more goes."""
        with self._lock:
            if self._revision == revision:
                return
            self._revision = revision
            held = np.fromiter(self._held, dtype=np.int64, count=len(self._held))
            for number in held[~np.isin(held, there)].tolist():
                del self._held[number]

    def get(self, numbers: Iterable[int]) -> dict[int, Vector]:
        with self._lock:
            found = {number: self._held[number] for number in numbers if number in self._held}
            for number in found:
                self._held.move_to_end(number)
            return found

    def put(self, vectors: dict[int, Vector]) -> None:
        """What was not asked for the longest makes room."""
        with self._lock:
            self._held.update(vectors)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
