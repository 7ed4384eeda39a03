"""The keys of a workspace's entities as numbers.

Two kinds of numbers: an id, which a key keeps as long as the process has the workspace in memory, so that
what a passage mentions is read and looked up once; and its number in a graph, by the order of the keys, so
that what search finds depends on the documents alone and not on the order in which they came.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from flowmatik.memory.analysis import is_stop_word

_MANY = 1000  # new keys from which on everything is sorted anew

Ints = npt.NDArray[np.int64]


class Keyring:
    """Ids for keys. It only grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.keys: list[str] = []
        self.ids: dict[str, int] = {}
        self.order: Ints = np.zeros(0, dtype=np.int64)  # ids by their keys; replaced and never changed
        self.telling = np.zeros(0, dtype=np.bool_)  # by id: not one short or empty word

    def add(self, keys: Iterable[str]) -> None:
        with self._lock:
            first = len(self.keys)
            for key in keys:
                if key not in self.ids:
                    self.keys.append(key)
                    self.ids[key] = len(self.keys) - 1
            new = self.keys[first:]
            if new:
                self.order = self._ordered(first, new)
                telling = [len(key) > 2 and not is_stop_word(key) for key in new]
                self.telling = np.concatenate((self.telling, np.array(telling, dtype=np.bool_)))

    def _ordered(self, first: int, new: Sequence[str]) -> Ints:
        if len(new) > _MANY:
            return np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), dtype=np.int64)
        among = sorted(range(first, len(self.keys)), key=self.keys.__getitem__)
        at = [bisect_left(self.order, self.keys[one], key=self.keys.__getitem__) for one in among]
        return np.insert(self.order, at, among)


class Keys(Mapping[str, int]):
    """The numbers of those entities that join passages. `same` says of a key which one it is joined to."""

    def __init__(self, ring: Keyring, kept: npt.NDArray[np.bool_], same: Mapping[str, str]) -> None:
        order = ring.order[ring.order < len(kept)]
        self._ring = ring
        self._by_number = order[kept[order]]
        self.numbers = np.full(len(kept), -1, dtype=np.int64)  # by id
        self.numbers[self._by_number] = np.arange(len(self._by_number))
        self._same = {key: other for key, other in same.items() if self._number(other) >= 0}

    def _number(self, key: str) -> int:
        at = self._ring.ids.get(key, -1)
        return int(self.numbers[at]) if 0 <= at < len(self.numbers) else -1

    def __getitem__(self, key: str) -> int:
        number = self._number(self._same.get(key, key))
        if number < 0:
            raise KeyError(key)
        return number

    def __iter__(self) -> Iterator[str]:
        yield from (self.name(number) for number in range(len(self._by_number)))
        yield from self._same

    def __len__(self) -> int:
        return len(self._by_number) + len(self._same)

    def joined_with(self, key: str) -> list[str]:
        """Those that people have joined to it."""
        return [one for one, other in self._same.items() if other == key]

    def name(self, number: int) -> str:
        """The key of an entity by its number."""
        return self._ring.keys[int(self._by_number[number])]
