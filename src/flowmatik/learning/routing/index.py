"""What agents say of themselves, made comparable with a task: embeddings, words, and the classifier that
their examples train."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.memory import Embedder, LayeredEmbedder
from flowmatik.learning.routing.classifier import Classifier, Samples
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
    def classifies(self) -> bool:
        return self._classifier is not None

    def likeness(self, text: str, vector: Matrix | None, layers: Matrix | None) -> Likeness:
        """`vector` and `layers`: of the text, one row each."""
        embedding = None
        if vector is not None and self._vectors is not None:
            embedding = np.maximum.reduceat(self._vectors @ vector[0], self._first)
        weights = self._vocabulary.matrix([text])[0]
        own = np.flatnonzero(weights)  # few, of thousands
        lexical = weights[own] @ self._words[own]
        if self._classifier is None or vector is None:
            return Likeness(embedding=embedding, lexical=lexical)
        said = self._classifier.classify(Samples(texts=[text], vectors=vector, layers=layers))
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


async def embedded(embedder: Embedder | None, texts: Sequence[str]) -> Matrix | None:
    return None if embedder is None else cast("Matrix", await embedder.embed(texts))


async def embedded_whole(
    embedder: Embedder | None, texts: Sequence[str]
) -> tuple[Matrix | None, Matrix | None]:
    """Vectors, and what the embedder's layers make of the texts where it tells; one pass gives both."""
    known: Any = embedder
    if isinstance(known, LayeredEmbedder):
        vectors, layers = await known.embed_layers(texts)
        return cast("Matrix", vectors), cast("Matrix", layers)
    return await embedded(embedder, texts), None


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
    vectors, layers = await embedded_whole(embedder, texts)
    return None if vectors is None else (Samples(texts=texts, vectors=vectors, layers=layers), labels)
