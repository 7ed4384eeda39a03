"""The adviser `routes`: the facts by which a decision says who does a task. It reads, and decides nothing."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.advice import Question
from flowmatik.contracts.agents import AgentDirectory, AgentVersion
from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.models import ModelGateway
from flowmatik.kernel.errors import NotFound
from flowmatik.learning.routing.classifier import Classifier
from flowmatik.learning.routing.index import (
    AgentIndex,
    Depth,
    Likeness,
    embedded,
    samples_of,
    texts_of,
)
from flowmatik.learning.routing.lexical import Matrix
from flowmatik.learning.routing.pricing import model_rows, with_costs
from flowmatik.learning.routing.seen import Seen, rate_of
from flowmatik.learning.routing.state import Tally
from flowmatik.learning.routing.store import Learned, LearnedStore
from flowmatik.learning.routing.tunings import Tunings

MOST_CANDIDATES = 16  # that a decision hears of
MOST_TEXT = 2_000  # characters of an objective
CACHED = 16  # sets of agents
MOST_SEEN = 256  # skills of workspaces
DIGITS = 4


class RouteAdviser:
    """Implements `Adviser`. `embedder` None: by words and outcomes alone; `models` tells prices, which nobody
    knows without it."""

    def __init__(
        self,
        agents: AgentDirectory,
        store: LearnedStore,
        embedder: Embedder | None,
        models: ModelGateway | None = None,
    ) -> None:
        self._agents = agents
        self._models = models
        self._store = store
        self._embedder = embedder
        self._indexes: OrderedDict[tuple[str, ...], asyncio.Task[AgentIndex]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], Seen] = OrderedDict()
        self._tunings = Tunings(embedder)

    async def __call__(self, question: Question) -> dict[str, Any]:
        asked = question.arguments
        refs = cast("list[str]", asked["agents"])
        text, skill = str(asked["objective"])[:MOST_TEXT], str(asked["skill"])
        index = await self._index(question.workspace_id, refs)
        learned = await self._store.current(question.workspace_id)
        embedded_as = await embedded(self._embedder, [text], index.wanted)
        embedder = self._embedder.id if self._embedder else ""
        seed = _seed(question.run_id, str(asked["task"]), learned.version)
        seen = self._seen_of(question.workspace_id, learned, skill, embedder)
        like = await asyncio.to_thread(index.likeness, text, embedded_as)
        vectors = None if embedded_as is None else embedded_as.vectors
        said = facts(index, seen, like, vectors) | {"seed": seed}
        several = cast("dict[str, list[str]]", asked.get("models") or {})
        for row in cast("list[dict[str, Any]]", said["candidates"]):
            if (names := several.get(row["agent"])) is not None:
                agent = await self._agents.get(question.workspace_id, row["agent"])
                task = (said["task_type"], text)
                row["models"] = with_costs(model_rows(agent, names, seen, task, self._models))
        return said

    async def tuned(self) -> None:
        """Returns when every classifier that was made is tuned. Nobody waits for it to decide."""
        await self._tunings.settled()

    async def close(self) -> None:
        """What is being made or tuned for decisions to come is given up."""
        for making in self._indexes.values():
            making.cancel()
        await self._tunings.close()

    def _seen_of(self, workspace_id: str, learned: Learned, skill: str, embedder: str) -> Seen:
        key = (workspace_id, skill)
        known = self._seen.get(key)
        if known is None or known.version != learned.version:
            known = self._seen[key] = Seen(learned, skill, embedder)
        self._seen.move_to_end(key)
        while len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return known

    async def _index(self, workspace_id: str, refs: Sequence[str]) -> AgentIndex:
        """Made once however many ask for it, while others' are made."""
        key = (workspace_id, *refs)
        making = self._indexes.get(key)
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = self._indexes[key] = asyncio.create_task(self._made(workspace_id, refs))
        self._indexes.move_to_end(key)
        while len(self._indexes) > CACHED:
            self._indexes.popitem(last=False)
        return await asyncio.shield(making)

    async def _made(self, workspace_id: str, refs: Sequence[str]) -> AgentIndex:
        known = {agent.ref(): agent for agent in await self._agents.list(workspace_id)}
        agents: list[AgentVersion] = []
        for ref in refs:
            try:
                agents.append(known.get(ref) or await self._agents.get(workspace_id, ref))
            except NotFound:
                continue  # of a run whose agents are in no catalogue
        if not agents:
            first = refs[0] if refs else ""
            raise NotFound(
                f"there is no agent {first!r} in the catalogue, nor any other of the run's",
                code="not_found.agent",
                context={"agent": first, "known": ", ".join(sorted(known))},
            )
        given = await samples_of(agents, self._embedder)
        classifier = None
        if given is not None:  # it learns from the same texts
            vectors = given[0].vectors
            classifier = await asyncio.to_thread(Classifier, *given)
            self._tunings.start(classifier, *given)
        else:
            texts = [text for agent in agents for text in texts_of(agent)]
            samples = await embedded(self._embedder, texts, Depth.VECTORS)
            vectors = None if samples is None else samples.vectors
        return await asyncio.to_thread(AgentIndex, agents, vectors, classifier)


def facts(index: AgentIndex, seen: Seen, like: Likeness, vectors: Matrix | None) -> dict[str, Any]:
    """`like`: the task, by `index`; `vectors`: its own, in one row, where there is an embedder."""
    cosines = seen.cosines(vectors)
    task_type = seen.task_type(cosines)
    rows = [
        _row(index, like, place, seen, (task_type, cosines)) for place in _first(index, like, seen.overall)
    ]
    return {
        "learned": seen.version,
        "explore": seen.explore,
        "task_type": task_type,
        "count": len(index.refs),
        "confidence": None if like.confidence is None else round(like.confidence, DIGITS),
        "threshold": None if like.threshold is None else round(like.threshold, DIGITS),
        "candidates": rows,
    }


def _first(index: AgentIndex, like: Likeness, overall: dict[str, Tally]) -> list[int]:
    """The places of those that may be best, in the order in which they were asked about."""
    if len(index.refs) <= MOST_CANDIDATES:
        return list(range(len(index.refs)))
    near = like.lexical if like.embedding is None else 0.7 * like.embedding + 0.3 * like.lexical
    if like.examples is not None:
        near = near + like.examples
    if overall:
        known = np.array([rate_of(overall.get(name)) for name in index.names], dtype=np.float32)
        near = near + 0.3 * known
    best = np.argpartition(-near, MOST_CANDIDATES)[:MOST_CANDIDATES]
    return sorted(int(place) for place in best)


def _row(
    index: AgentIndex, like: Likeness, place: int, seen: Seen, task: tuple[str, npt.NDArray[np.float32]]
) -> dict[str, Any]:
    name, (task_type, cosines) = index.names[place], task
    every, own = seen.overall.get(name, Tally()), seen.tallies.get((name, task_type), Tally())
    past = seen.past(name, cosines)
    cost = own.mean_cost() if own.priced else every.mean_cost()
    seconds = own.mean_seconds() if own.timed else every.mean_seconds()
    return {
        "agent": index.refs[place],
        "embedding": None if like.embedding is None else round(float(like.embedding[place]), DIGITS),
        "lexical": round(float(like.lexical[place]), DIGITS),
        "examples": None if like.examples is None else round(float(like.examples[place]), DIGITS),
        "past": None if past is None else round(past, DIGITS),
        "good": round(own.good, DIGITS),
        "bad": round(own.bad, DIGITS),
        "all_good": round(every.good, DIGITS),
        "all_bad": round(every.bad, DIGITS),
        "cost_micros": None if cost is None else round(cost),
        "seconds": None if seconds is None else round(seconds, 2),
    }


def _seed(run_id: str, task_id: str, version: int) -> str:
    """Another one for every run and task, the same when it is asked again."""
    return hashlib.sha256(f"{run_id}/{task_id}/{version}".encode()).hexdigest()[:16]
