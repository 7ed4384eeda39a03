"""What a peer is handed: a set's texts and questions with their vectors, the same for all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval.sets import Question, RetrievalSet
from flowmatik.contracts.memory import Embedder

DEPTH = 20  # passages that a question gets
TEXTS, PASSAGES, QUESTIONS = "texts.json", "passages.npy", "questions.npy"
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    language: str
    ids: list[str]
    texts: list[str]
    questions: list[str]
    text_vectors: Vectors
    question_vectors: Vectors


async def hand_over(
    folder: Path, one: RetrievalSet, questions: Sequence[Question], embedder: Embedder
) -> None:
    texts = [f"{passage.title}\n\n{passage.text}".lstrip() for passage in one.passages]
    asked = [question.text for question in questions]
    np.save(folder / PASSAGES, cast("Vectors", await embedder.embed(texts)))
    np.save(folder / QUESTIONS, cast("Vectors", await embedder.embed(asked)))
    told = {
        "language": one.language,
        "ids": [passage.id for passage in one.passages],
        "texts": texts,
        "questions": asked,
    }
    (folder / TEXTS).write_text(json.dumps(told), encoding="utf-8")


def handed(job: dict[str, Any]) -> Handed:
    folder = Path(job["target"])
    told = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    return Handed(
        **told,
        text_vectors=np.load(folder / PASSAGES),
        question_vectors=np.load(folder / QUESTIONS),
    )
