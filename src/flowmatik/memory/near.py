"""Texts that say nearly the same: copies with another date, boilerplate, drafts of one letter.

MinHash with one permutation (Broder 1997; Li, Owen and Zhang 2012) over runs of three words. `keys` finds
candidates, two texts with a key in common; `similarity` tells how near they are. Keys are the same on every
machine, so they can be stored; raise `PIPELINE` when they change.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence

from flowmatik.memory.language import stream_safe

NEAR = 0.8  # of the runs of words are shared by two texts that count as one
MIN_WORDS = 20  # below, texts are alike by chance: titles, rows, signatures
_RUN = 3
_BINS = 32
_ROWS = 4  # bins in one key: eight keys find nine of ten pairs at 0.8 and one of a hundred at 0.2
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_WORD = re.compile(r"\w+")
_MOST_WORDS = 50_000
_MOST_CANDIDATES = 20


def keys(text: str) -> tuple[int, ...]:
    """Whole numbers below 2**63, () for a text that is too short to tell."""
    runs = _runs(text)
    if not runs:
        return ()
    least: list[int | None] = [None] * _BINS
    for run in runs:
        mixed = (zlib.crc32(run.encode()) * _MIX) & _MASK
        place, value = mixed >> 59, mixed & ((1 << 59) - 1)
        before = least[place]
        least[place] = value if before is None else min(before, value)
    filled = _filled(least)
    bands = (filled[first : first + _ROWS] for first in range(0, _BINS, _ROWS))
    return tuple(_key(number, band) for number, band in enumerate(bands))


def similarity(one: str, other: str) -> float:
    """The share of runs of words that both have, of those that either has (Jaccard); 0.0 for short texts."""
    first, second = _runs(one), _runs(other)
    return len(first & second) / len(first | second) if first and second else 0.0


def says_the_same(one: str, other: str) -> bool:
    """Whether nothing is lost by showing one of them: nearly the same runs of words, and the same numbers,
    for a price or a date in the middle of boilerplate is what somebody may ask about."""
    return similarity(one, other) >= NEAR and _numbers(one) == _numbers(other)


def firsts(texts: Sequence[str], keyed: Sequence[tuple[int, ...]]) -> list[int]:
    """For each text the position of the first one that it is near to, its own when there is none; `keyed` are
    the keys of each."""
    by_key: dict[int, list[int]] = {}
    found: list[int] = []
    for at, (text, own) in enumerate(zip(texts, keyed, strict=True)):
        candidates = sorted({place for key in own for place in by_key.get(key, ())})[:_MOST_CANDIDATES]
        near = next((place for place in candidates if similarity(texts[place], text) >= NEAR), at)
        found.append(near)
        if near == at:
            for key in own:
                by_key.setdefault(key, []).append(at)
    return found


def _runs(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFC", stream_safe(text)).casefold()
    words = [match[0] for match in _WORD.finditer(plain)][:_MOST_WORDS]
    if len(words) < MIN_WORDS:
        return frozenset()
    return frozenset(" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(text) if any(sign.isdigit() for sign in word))


def _filled(least: list[int | None]) -> list[int]:
    """An empty bin borrows from the next one that is not, and says how far that was."""
    filled: list[int] = []
    for at in range(_BINS):
        distance = next(step for step in range(_BINS) if least[(at + step) % _BINS] is not None)
        filled.append(((least[(at + distance) % _BINS] or 0) + distance * _MIX) & _MASK)
    return filled


def _key(number: int, band: Sequence[int]) -> int:
    data = number.to_bytes(1) + b"".join(value.to_bytes(8) for value in band)
    return (zlib.crc32(data) << 31 | zlib.adler32(data) & 0x7FFFFFFF) & ((1 << 63) - 1)
