"""A made-up corpus of any size: words by Zipf's law, Spanish and English in turn, documents that name one
another's titles. The same for the same seed."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import Embedder, QuestionEmbedder
from flowmatik.memory import analysis
from flowmatik.memory.language import STOP_WORDS

PER_DOCUMENT = 10  # sections, each one passage
WORDS = 110  # of a section
VOCABULARY = 50_000
FILES_PER_FOLDER = 1000
_STOPS = 60  # stop-words in front of the made-up ones: they tell the language
_SYLLABLES = (
    *("ba", "ke", "lo", "mi", "tor", "san", "gre", "pla", "vu", "den", "ris", "cal", "mon", "ter", "qui"),
    *("zar", "fo", "nel", "per", "dis", "cue", "mente", "able", "ing"),
)


class Corpus:
    """Documents by number; each is a function of the seed and its number."""

    def __init__(self, seed: int = 7) -> None:
        source = random.Random(seed)
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            made["".join(source.choice(_SYLLABLES) for _ in range(source.randint(2, 4)))] = None
        self._seed = seed
        self._words = {
            code: [*sorted(STOP_WORDS[code])[:_STOPS], *made][:VOCABULARY] for code in ("es", "en")
        }
        ranks = 1.0 / np.arange(1, VOCABULARY + 1)
        self._share = np.cumsum(ranks / ranks.sum())

    def title(self, number: int) -> str:
        words = self._words["es"][_STOPS:]
        first, second = words[number % len(words)], words[(number * 7919 + 13) % len(words)]
        return f"{first.capitalize()} {second.capitalize()}"

    def document(self, number: int, documents: int, version: int = 0) -> str:
        draw = np.random.default_rng((self._seed, number, version))
        words = self._words[("es", "en")[number % 2]]
        parts = [f"# {self.title(number)}\n"]
        for section in range(PER_DOCUMENT):
            said = self._said(draw, words, WORDS)
            said[30] = self.title(int(draw.integers(documents)))
            sentences = [" ".join(said[at : at + 22]) for at in range(0, WORDS, 22)]
            text = " ".join(f"{one[0].upper()}{one[1:]}." for one in sentences)
            parts.append(f"## {words[_STOPS + section * 31].capitalize()}\n\n{text}\n")
        return "\n".join(parts)

    def questions(self, count: int) -> list[str]:
        """Each of eight words as passages have them, stop-words too."""
        draw = np.random.default_rng((self._seed, 1, 1, 1))
        return [
            " ".join(self._said(draw, self._words[("es", "en")[number % 2]], 8)) for number in range(count)
        ]

    def _said(self, draw: np.random.Generator, words: list[str], count: int) -> list[str]:
        places = np.minimum(np.searchsorted(self._share, draw.random(count)), len(words) - 1)
        return [words[int(place)] for place in places]

    def write(self, folder: Path, numbers: Sequence[int], documents: int, version: int = 0) -> None:
        for number in numbers:
            place = folder / f"{number // FILES_PER_FOLDER:04}"
            place.mkdir(parents=True, exist_ok=True)
            text = self.document(number, documents, version)
            (place / f"{number:07}.md").write_text(text, encoding="utf-8")


class Projected:
    """Stands in for the embedding model where passages are taken in: the sum of a random direction for each
    word, of the model's name and size. Questions are embedded by the model itself."""

    def __init__(self, inner: Embedder) -> None:
        self.id, self.dimension = inner.id, inner.dimension
        self._inner = inner
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    async def embed(self, texts: Sequence[str]) -> object:
        rows = np.stack([self._sum(text) for text in texts])
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    async def embed_question(self, text: str) -> object:
        return await cast("QuestionEmbedder", self._inner).embed_question(text)

    def _sum(self, text: str) -> npt.NDArray[np.float32]:
        total = np.zeros(self.dimension, dtype=np.float32)
        for word in analysis.words(text):
            if word not in self._known:
                seed = int.from_bytes(word.encode()[:16], "little")
                self._known[word] = np.random.default_rng(seed).standard_normal(
                    self.dimension, dtype=np.float32
                )
            total += self._known[word]
        return total
