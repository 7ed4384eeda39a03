"""Says to a run's planner which plans have worked for goals like its own."""

import logging
from typing import Any

from flowmatik.agents.cases.similarity import by_vectors, by_words, is_similar, words_of
from flowmatik.agents.cases.store import StoredCase, StoredCases
from flowmatik.agents.cases.vectors import vector_of
from flowmatik.contracts.advice import Question
from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
MOST_TOLD = 3


class CaseAdviser:
    """Implements `Adviser`: `cases`, the most similar first. A goal in another language is another goal, for
    the plan's objectives are in that of the old one."""

    def __init__(self, cases: StoredCases, embedder: Embedder | None) -> None:
        self._cases = cases
        self._embedder = embedder

    async def __call__(self, question: Question) -> dict[str, Any]:
        goal, language = (str(question.arguments.get(name, "")) for name in ("goal", "language"))
        active = await self._cases.active(question.workspace_id)
        known = [one for one in active if one.case.language == language]
        vector = await self._vector(goal, known)
        words = words_of(goal)
        found: list[tuple[float, StoredCase]] = []
        for one in known:
            said, meant = by_words(words, words_of(one.case.goal)), by_vectors(vector, one.vector)
            if is_similar(said, meant):
                found.append((round(max(said, meant), 4), one))
        found.sort(key=lambda pair: (-pair[0], -pair[1].case.rate, pair[1].case.id))
        return {"cases": [_told(similarity, one) for similarity, one in found[:MOST_TOLD]]}

    async def _vector(self, goal: str, known: list[StoredCase]) -> tuple[float, ...]:
        if self._embedder is None or not any(one.embedder == self._embedder.id for one in known):
            return ()
        try:
            return await vector_of(self._embedder, goal)
        except FlowmatikError as error:
            log.warning("cases are looked for by words alone", extra={"error": error.message})
            return ()


def _told(similarity: float, one: StoredCase) -> dict[str, Any]:
    return {
        "case": one.case.id,
        "goal": one.case.goal,
        "tasks": one.tasks,
        "similarity": similarity,
        "succeeded": one.case.succeeded,
        "failed": one.case.failed,
    }
