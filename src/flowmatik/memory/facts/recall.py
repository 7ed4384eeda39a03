"""What a run is told of what is remembered. Implements `FactRecall`.

A fact counts by its importance, by how lately it was said or used (it halves with each half-life of its
scope), by how often runs were told it, and by how much of the goal it speaks of.
"""

import logging
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flowmatik.contracts.facts import Fact, FactPolicy, FactScope, Recalling
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.analysis import query_terms, terms
from flowmatik.memory.facts.policies import policy_of
from flowmatik.memory.facts.rows import Stored
from flowmatik.memory.facts.store import FactStore
from flowmatik.memory.facts.timeline import contradictions
from flowmatik.memory.facts.times import moment_of
from flowmatik.memory.facts.viewing import Condition, Viewer, Viewers
from flowmatik.memory.language import detect

log = logging.getLogger(__name__)
MOST_FACTS = 500  # that are weighed, the newest of them
TOKEN_CHARACTERS = 4  # of a token, about
FACTS_SHARE = 2 / 3  # of the budget, where there are episodes too
EPISODE_CHARACTERS = 400
MOST_EPISODES = 8
# How much a fact counts of which the goal says nothing. Of the person and the conversation: who one talks to
# is always worth knowing; of the workspace, not everything.
UNASKED = {FactScope.USER: 0.5, FactScope.THREAD: 0.5, FactScope.AGENT: 0.3}


class FactRecaller:
    def __init__(self, store: FactStore, viewers: Viewers) -> None:
        self._store = store
        self._viewers = viewers

    async def recall(self, asked: Recalling) -> dict[str, Any]:
        budget = asked.tokens * TOKEN_CHARACTERS
        facts = await self._facts(asked, budget) if asked.facts else []
        left = budget - _size(facts)
        episodes = _episodes(asked, left) if asked.episodes else []
        return {"facts": facts, "episodes": episodes}

    async def _facts(self, asked: Recalling, budget: int) -> list[dict[str, Any]]:
        viewer = await self._viewers.of(asked.workspace_id, asked.principal)
        now = self._store.now()
        rows = await self._store.as_of(
            asked.workspace_id, [applying(asked, viewer)], valid=now, limit=MOST_FACTS
        )
        policy = await policy_of(self._store, asked.workspace_id)
        weighed = weigh(rows, asked.goal, policy, moment_of(now))
        most = int(budget * FACTS_SHARE) if asked.episodes and asked.turns else budget
        told, lines = list[dict[str, Any]](), list[str]()
        disputed = _disputed(rows)
        for one in weighed:
            row = _told(one.fact, disputed=one.fact.id in disputed)
            if _size([*told, row]) > most:
                continue
            told.append(row)
            lines.append(one.line)
        await self._count(asked.workspace_id, lines)
        return told

    async def _count(self, workspace_id: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        try:
            await self._store.used(workspace_id, lines)
        except FlowmatikError as error:  # a run does not wait for statistics
            log.info("uses were not counted", extra={"error": error.message})


def applying(asked: Recalling, viewer: Viewer) -> Condition:
    """The scopes that apply. Behind a key may be anybody: its owner's facts and teams are not told."""
    person = viewer.person if viewer.direct else ""
    parts = ["(l.scope = 'workspace' AND l.person = '')"]
    values: list[object] = []
    if person:
        parts.append("(l.scope = 'user' AND l.owner = {} AND l.person = {})")
        values += [person, person]
    if asked.thread:
        parts.append("(l.scope = 'thread' AND l.owner = {} AND l.person = {})")
        values += [asked.thread, viewer.person]
    if asked.agent:
        parts.append("(l.scope = 'agent' AND l.owner = {} AND (l.person = '' OR l.person = {}))")
        values += [asked.agent, person or "–"]
    for team in viewer.teams if viewer.direct else ():
        parts.append("(l.scope = 'team' AND l.owner = {})")
        values.append(team)
    return " OR ".join(parts), values


def weigh(rows: Sequence[Stored], goal: str, policy: FactPolicy, now: datetime) -> list[Stored]:
    """The most useful first."""
    wanted = query_terms(goal, detect(goal))

    def weight(one: Stored) -> float:
        said = f"{one.fact.subject} {one.fact.predicate.replace('_', ' ')} {one.fact.value}"
        found = set(terms(said, detect(said)))
        share = sum(bool(found & set(group)) for group in wanted) / len(wanted) if wanted else 0.0
        relevance = min(1.0, UNASKED.get(one.fact.scope, 0.1) + 2 * share)
        return strength(one.fact, policy, now) * relevance

    return sorted(rows, key=lambda one: (-weight(one), one.fact.id))


def strength(fact: Fact, policy: FactPolicy, now: datetime) -> float:
    """From 0 up: importance, halved with each half-life since it was said or used, and more for each use."""
    last = max(fact.recorded_at, fact.used_at)
    days = max(0.0, (now - moment_of(last)).total_seconds() / 86_400)
    faded = 0.5 ** (days / policy.half_life_days.get(fact.scope.value, 365.0))
    return fact.importance * fact.confidence * faded * (1 + 0.1 * math.log1p(fact.used))


def _disputed(rows: Sequence[Stored]) -> set[str]:
    lines: dict[str, list[Stored]] = {}
    for one in rows:
        lines.setdefault(one.line, []).append(one)
    return {
        pair[0]
        for line in lines.values()
        if len(line) > 1
        for pair in contradictions([row.version for row in line])
    }


def _told(fact: Fact, *, disputed: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": fact.id,
        "scope": fact.scope.value,
        "subject": fact.subject,
        "predicate": fact.predicate,
        "value": fact.value,
        "source": fact.origin.value,
        "since": (fact.valid_from or fact.recorded_at)[:10],
    }
    return row | {"disputed": True} if disputed else row


def _episodes(asked: Recalling, budget: int) -> list[dict[str, Any]]:
    """The older messages that speak of the goal, the best of them, in the order in which they were said."""
    wanted = query_terms(asked.goal, detect(asked.goal))
    if not wanted or not asked.turns:
        return []
    indexed = [(turn, set(terms(str(turn["text"]), detect(str(turn["text"]))))) for turn in asked.turns]
    rarity = [
        math.log(1 + len(indexed) / (1 + sum(bool(set(group) & found) for _, found in indexed)))
        for group in wanted
    ]
    scored = [
        (sum(rare for rare, group in zip(rarity, wanted, strict=True) if set(group) & found), turn)
        for turn, found in indexed
    ]
    best = sorted(((score, turn) for score, turn in scored if score > 0), key=lambda one: -one[0])
    told: list[dict[str, Any]] = []
    for _, turn in best[:MOST_EPISODES]:
        text = str(turn["text"])
        row = {**turn, "text": text if len(text) <= EPISODE_CHARACTERS else text[:EPISODE_CHARACTERS] + " …"}
        if _size([*told, row]) <= budget:
            told.append(row)
    return sorted(told, key=lambda row: int(row["number"]))


def _size(rows: Sequence[dict[str, Any]]) -> int:
    return sum(len(str(value)) + len(name) + 6 for row in rows for name, value in row.items())
