"""The passages of words that were asked for, kept in memory as packed arrays; and words that begin alike."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from flowmatik.memory.vocabulary import Vocabulary

MOST = 4_000_000  # passages of all words together: 48 MB

Ints = npt.NDArray[np.int64]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


class PostingCache:
    """Of one revision of one workspace: passage numbers, sorted, and how often the word stands in each. It
    knows nothing of who may see them; whoever takes from it leaves out what is not in their snapshot. A key
    is all terms of a word, in all languages; the most frequent of them counts."""

    def __init__(self, most: int = MOST, vocabulary: Vocabulary | None = None) -> None:
        self.vocabulary = vocabulary or Vocabulary()
        self._most = most
        self._held = 0
        self._found: OrderedDict[tuple[str, ...], Found] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, terms: tuple[str, ...]) -> Found | None:
        with self._lock:
            found = self._found.get(terms)
            if found is not None:
                self._found.move_to_end(terms)
            return found

    def put(self, terms: tuple[str, ...], found: Found) -> None:
        """What was not asked for the longest makes room."""
        with self._lock:
            if terms in self._found or len(found[0]) > self._most:
                return
            self._found[terms] = found
            self._held += len(found[0])
            while self._held > self._most:
                _, (numbers, _) = self._found.popitem(last=False)
                self._held -= len(numbers)

    def changed(self, numbers: Ints, found: Iterable[tuple[str, int, int]]) -> "PostingCache":
        """As it is when those passages have exactly these terms (term, passage, how often); this one stays as
        it was."""
        often: dict[str, dict[int, int]] = {}
        for term, number, count in found:
            often.setdefault(term, {})[number] = count
        with self._lock:
            known = list(self._found.items())
        cache = PostingCache(self._most, self.vocabulary.with_terms(often))
        for terms, (passages, counts) in known:
            at = np.minimum(np.searchsorted(passages, numbers), max(len(passages) - 1, 0))
            kept = np.ones(len(passages), dtype=np.bool_)
            kept[at[passages[at] == numbers] if len(passages) else at[:0]] = False
            new: dict[int, int] = {}
            for term in terms:
                for number, count in often.get(term, {}).items():
                    new[number] = max(count, new.get(number, 0))
            if new or not kept.all():
                passages = np.concatenate((passages[kept], np.array([*new], dtype=np.int64)))
                counts = np.concatenate((counts[kept], np.array([*new.values()], dtype=np.int32)))
                order = np.argsort(passages, kind="stable")
                passages, counts = passages[order], counts[order]
            cache.put(terms, (passages, counts))
        return cache
