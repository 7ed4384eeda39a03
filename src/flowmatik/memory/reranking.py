"""Rerankers: plugins under `rerankers/`, off unless one is given; and the order that one makes."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.memory import Passage
from flowmatik.contracts.reranking import Reranker
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.kernel.plugins import PluginRegistry

_log = logging.getLogger(__name__)
RERANKED = 20  # passages in front that are read again


def reranker_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent / "rerankers", "flowmatik.memory.rerankers")


def load_reranker(plugin_id: str, settings: Any) -> Reranker:
    """Raises NotFound for an unknown plugin and ConfigurationError for wrong settings."""
    return cast("Reranker", reranker_registry().build(plugin_id, settings))


async def reranked(
    reranker: Reranker, workspace_id: str, question: str, passages: Sequence[Passage]
) -> list[Passage]:
    """Those in front in the order of their scores (`rerank` in `scores`; `score` stays that of the search),
    equal ones as they stood. They stay in their order, and a warning is logged, when the reranker fails or
    gives another number of scores."""
    front = list(passages[:RERANKED])
    try:
        scores = list(await reranker.rerank(workspace_id, question, front))
    except FlowmatikError as error:
        _log.warning("a search keeps its order", extra={"reranker": reranker.id, "error": error.code})
        return list(passages)
    if len(scores) != len(front):
        _log.warning("a search keeps its order", extra={"reranker": reranker.id, "error": "count"})
        return list(passages)
    order = sorted(range(len(front)), key=lambda n: -scores[n])
    again = [replace(front[n], scores=(*front[n].scores, ("rerank", scores[n]))) for n in order]
    return [*again, *passages[RERANKED:]]
