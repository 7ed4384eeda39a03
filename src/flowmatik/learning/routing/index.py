"""What agents say of themselves, made comparable with a task: embeddings, words, and the classifier that
their examples train."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.memory import Embedder, LayeredEmbedder, TunableEmbedder
from flowmatik.learning.routing.classifier import MOST_TUNED, Classifier, Samples
from flowmatik.learning.routing.lexical import Matrix, Vocabulary

FEWEST_EXAMPLES = 5  # of each agent, from which a classifier is trained
FEWEST_AGENTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Of one task to each agent, in the index's order. `examples` is the classifier's probability of each;
    None where agents do not give enough of them, and so are its `confidence` and `threshold`."""

    embedding: npt.NDArray[np.float32] | None
    lexical: npt.NDArray[np.float32]
    examples: npt.NDArray[np.float32] | None = None
    confidence: float | None = None
    threshold: float | None = None


class AgentIndex:
    """Of some agents, made once; asking it is quick."""

    def __init__(
        self, agents: Sequence[AgentVersion], vectors: Matrix | None, classifier: Classifier | None
    ) -> None:
        """`vectors`: of `described(agents)`, flat."""
        self.refs = [agent.ref() for agent in agents]
        self.names = [agent.name for agent in agents]
        texts = [" ".join(texts_of(agent)) for agent in agents]
        self._vocabulary = Vocabulary(texts)
        self._words = np.ascontiguousarray(self._vocabulary.matrix(texts).T)  # by feature
        self._vectors = vectors
        counts = [len(texts_of(agent)) for agent in agents]
        self._first = np.cumsum([0, *counts[:-1]])
        self._classifier = classifier

    @property
    def wanted(self) -> "Depth":
        """Of a text that is asked about."""
        if self._classifier is None:
            return Depth.VECTORS
        return Depth.LAYERS if self._classifier.tuned is None else Depth.TOKENS

    def likeness(self, text: str, asked: Samples | None) -> Likeness:
        """`asked`: the text embedded, as deep as `wanted` says."""
        embedding = None
        if asked is not None and self._vectors is not None:
            embedding = np.maximum.reduceat(self._vectors @ asked.vectors[0], self._first)
        weights = self._vocabulary.matrix([text])[0]
        own = np.flatnonzero(weights)  # few, of thousands
        lexical = weights[own] @ self._words[own]
        if self._classifier is None or asked is None:
            return Likeness(embedding=embedding, lexical=lexical)
        said = self._classifier.classify(asked)
        place = {name: n for n, name in enumerate(self._classifier.classes)}
        return Likeness(
            embedding=embedding,
            lexical=lexical,
            examples=said.shares[0][[place[ref] for ref in self.refs]],
            confidence=float(said.confidence[0]),
            threshold=self._classifier.threshold,
        )


def texts_of(agent: AgentVersion) -> list[str]:
    """What an agent says of itself: its summary with role and skills, and each of its examples."""
    return [f"{agent.summary} {agent.role} {' '.join(agent.skills)}".strip(), *agent.examples]


class Depth(IntEnum):
    """How much of what the embedder makes of texts is asked for."""

    VECTORS, LAYERS, TOKENS = range(3)


async def embedded(embedder: Embedder | None, texts: Sequence[str], depth: Depth) -> Samples | None:
    """As deep as the embedder goes, in one pass; None without one."""
    known: Any = embedder
    if depth is Depth.TOKENS and isinstance(known, TunableEmbedder):
        vectors, layers, tokens = cast("tuple[Matrix, Matrix, list[Matrix]]", await known.embed_tokens(texts))
        return Samples(texts=texts, vectors=vectors, layers=layers, tokens=tokens)
    if depth is not Depth.VECTORS and isinstance(known, LayeredEmbedder):
        vectors, layers = cast("tuple[Matrix, Matrix]", await known.embed_layers(texts))
        return Samples(texts=texts, vectors=vectors, layers=layers)
    if embedder is None:
        return None
    return Samples(texts=texts, vectors=cast("Matrix", await embedder.embed(texts)))


async def samples_of(
    agents: Sequence[AgentVersion], embedder: Embedder | None
) -> tuple[Samples, list[str]] | None:
    """What a classifier of these agents learns from, their `texts_of` in turn; None where they do not all
    give enough examples."""
    if embedder is None or len(agents) < FEWEST_AGENTS:
        return None
    if any(len(agent.examples) < FEWEST_EXAMPLES for agent in agents):
        return None
    texts = [text for agent in agents for text in texts_of(agent)]
    labels = [agent.ref() for agent in agents for _ in texts_of(agent)]
    samples = await embedded(embedder, texts, Depth.TOKENS if len(texts) <= MOST_TUNED else Depth.LAYERS)
    return None if samples is None else (samples, labels)
