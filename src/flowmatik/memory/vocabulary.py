"""The words of a workspace that begin alike, kept for questions that are spelt wrong.

Those of one language and first letter are compared with a question's word all at once: what has too many
other letters is left out by a set of bits for each word, and of the rest the number of mistakes is reckoned
column by column.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

MOST = 400_000  # words of all beginnings together: some 24 MB
_EACH = 50  # words that a beginning costs by itself
_BITS = np.uint64(64)

Codes = npt.NDArray[np.uint32]
Masks = npt.NDArray[np.uint64]
Mistakes = npt.NDArray[np.int8]


class Alike:
    """Words by length: the code points of each (columns) and the set of its letters."""

    def __init__(self, words: Iterable[str]) -> None:
        by: dict[int, list[str]] = {}
        for word in dict.fromkeys(words):
            if word.isalpha():
                by.setdefault(len(word), []).append(word)
        self._by: Mapping[int, tuple[Codes, Masks]] = {
            length: _coded(found, length) for length, found in by.items()
        }

    def __len__(self) -> int:
        return sum(len(masks) for _, masks in self._by.values())

    def words(self) -> list[str]:
        return [word for codes, _ in self._by.values() for word in _decoded(codes)]

    def near(self, word: str, most: int) -> list[tuple[int, str]]:
        """Those with one to `most` mistakes, and how many: the fewest first."""
        _, (mask,) = _coded([word], len(word))
        found: list[Codes] = []
        for length in range(len(word) - most, len(word) + most + 1):
            if length in self._by:
                codes, masks = self._by[length]
                found.append(codes[:, np.bitwise_count(masks ^ mask) <= 2 * most])  # one mistake: two letters
        sizes = np.array([codes.shape for codes in found], dtype=np.int64).reshape(-1, 2)
        lengths = np.repeat(sizes[:, 0], sizes[:, 1])
        table = np.zeros((len(word) + most, len(lengths)), dtype=np.uint32)
        at = 0
        for codes in found:
            table[: len(codes), at : at + codes.shape[1]] = codes
            at += codes.shape[1]
        mistakes = distances(word, table, lengths, most)
        close = np.flatnonzero((mistakes > 0) & (mistakes <= most))
        words = _decoded(table[:, close])
        return sorted(zip(mistakes[close].tolist(), words, strict=True))


class Vocabulary:
    """By language and first letter ("es:m"). Words of passages that have gone may still be there; whoever
    takes from it looks whether they are anywhere."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = 0
        self._known: OrderedDict[str, Alike] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, beginning: str) -> Alike | None:
        with self._lock:
            found = self._known.get(beginning)
            if found is not None:
                self._known.move_to_end(beginning)
            return found

    def put(self, beginning: str, words: Alike) -> None:
        """What was not asked for the longest makes room."""
        with self._lock:
            if beginning in self._known:
                return
            self._known[beginning] = words
            self._held += len(words) + _EACH
            while self._held > self._most and len(self._known) > 1:
                _, gone = self._known.popitem(last=False)
                self._held -= len(gone) + _EACH

    def with_terms(self, terms: Iterable[str]) -> "Vocabulary":
        """As it is when those terms have come; this one stays as it was."""
        new: dict[str, list[str]] = {}
        for term in terms:
            code, _, word = term.partition(":")
            new.setdefault(f"{code}:{word[:1]}", []).append(word)
        with self._lock:
            known = list(self._known.items())
        vocabulary = Vocabulary(self._most)
        for beginning, words in known:
            come = new.get(beginning)
            vocabulary.put(beginning, Alike((*words.words(), *come)) if come else words)
        return vocabulary


def distances(word: str, table: Codes, lengths: npt.NDArray[np.int64], most: int) -> Mistakes:
    """Signs added, left out, changed, or changed with their neighbour, between `word` and each word (column)
    of the table, which has `most` rows more than `word` signs; what is more than `most` may be any larger
    number.

    Source: optimal string alignment (Damerau 1964), in a band along the diagonal (Ukkonen 1985)."""
    signs = [ord(sign) for sign in word]
    far, count = most + 1, table.shape[1]
    older = np.full((len(table) + 1, count), far, dtype=np.int8)
    last = older.copy()
    last[:far] = np.arange(far, dtype=np.int8)[:, None]
    for i, sign in enumerate(signs, 1):
        row = np.full_like(last, far)
        if i <= most:
            row[0] = i
        low, high = max(1, i - most), i + most
        best = np.minimum(last[low - 1 : high] + (table[low - 1 : high] != sign), last[low : high + 1] + 1)
        if i > 1:
            begin = max(2, low)
            swapped = (table[begin - 2 : high - 1] == sign) & (table[begin - 1 : high] == signs[i - 2])
            turned = np.where(swapped, older[begin - 2 : high - 1] + 1, far)
            best[begin - low :] = np.minimum(best[begin - low :], turned)
        for at, values in enumerate(best, low):
            np.minimum(values, row[at - 1] + 1, out=row[at])
        older, last = last, row
    return last[lengths, np.arange(count)]


def _coded(words: Sequence[str], length: int) -> tuple[Codes, Masks]:
    codes = np.array(words, dtype=f"<U{length}").view("<u4").reshape(len(words), length).T
    bits = np.left_shift(np.uint64(1), codes.astype(np.uint64) % _BITS)
    return np.ascontiguousarray(codes), np.bitwise_or.reduce(bits, axis=0)


def _decoded(codes: Codes) -> list[str]:
    columns = np.ascontiguousarray(codes.T)
    return columns.view(f"<U{columns.shape[1]}").ravel().tolist() if len(columns) else []
