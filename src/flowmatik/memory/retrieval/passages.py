"""Passages as they are handed out: text, place in the source, and why they are there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowmatik.contracts.memory import Passage, Reason
from flowmatik.contracts.memory_learning import Leg
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.retrieval.closeness import features, perhaps_alike
from flowmatik.memory.retrieval.ranking import Ranked, Text
from flowmatik.memory.sources import Names, resolve_replaces

NOTICEABLE = 0.01  # of a multiplier: what moves a weight by less is no reason
ALIKE = 0.9  # Jaccard similarity of n-grams from which on two passages say the same


def passage_of(row: Sequence[Any], names: Names) -> Passage:
    """The passage of a row that `loading` gave."""
    return Passage(
        id=row[1],
        source=row[2],
        text=row[3],
        start=row[4],
        end=row[5],
        lines=None if row[6] is None else (row[6], row[7]),
        page=row[8],
        heading=row[9],
        language=row[10] or row[14],
        effective=row[11],
        replaces=resolve_replaces(row[2], json.loads(row[12]), names),
        title=row[13],
    )


def text_of(passage: Passage, dated: str) -> Text:
    return Text(title=passage.title, text=passage.text, language=passage.language, dated=dated)


def distinct(order: Sequence[int], found: Mapping[int, Passage]) -> list[int]:
    """Those in `found`, in their order, but what says the same as one before it, of another document,
    comes last."""
    places = [place for place in order if place in found]
    texts = [features(one.title, one.text, one.language) for one in (found[i] for i in places)]
    possible = perhaps_alike(texts, ALIKE)
    kept: list[int] = []
    again: list[int] = []
    for row, place in enumerate(places):
        same = any(
            possible[row, other]
            and found[place].source != found[places[other]].source
            and alike(texts[row].grams, texts[other].grams)
            for other in kept
        )
        (again if same else kept).append(row)
    return [places[row] for row in (*kept, *again)]


def alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether nearly all that either says is in both."""
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) < ALIKE * len(longer):
        return False
    lacking = 0
    for gram in shorter:  # nearly all pairs are told apart by the first few
        if gram not in longer:
            lacking += 1
            if len(shorter) - lacking < ALIKE * (len(longer) + lacking):
                return False
    return True


def explained(
    order: Sequence[int], found: Mapping[int, Passage], ranked: Ranked, snapshot: Snapshot
) -> list[Passage]:
    return [
        replace(
            found[place],
            score=float(ranked.total[place]),
            scores=_scores(place, ranked),
            why=_reasons(place, ranked, found, snapshot),
        )
        for place in order
    ]


def _scores(place: int, ranked: Ranked) -> tuple[tuple[str, float], ...]:
    hop = ranked.hops.get(place)
    return (
        *((name, float(values[place])) for name, values in ranked.scores.items()),
        ("graph", hop.value if hop else 0.0),
        ("outstanding", ranked.outstanding),
    )


def _reasons(
    place: int, ranked: Ranked, found: Mapping[int, Passage], snapshot: Snapshot
) -> tuple[Reason, ...]:
    reasons: list[Reason] = []
    if ranked.scores["bm25"][place] > 0:
        reasons.append(Reason(kind="words", value=float(ranked.scores["coverage"][place])))
    if ranked.scores["dense"][place] > 0:
        reasons.append(Reason(kind="meaning", value=float(ranked.scores["dense"][place])))
    if place in ranked.meant:
        value, key = ranked.meant[place]
        reasons.append(Reason(kind="title", value=value, entity=key))
    if place in ranked.hops:
        hop = ranked.hops[place]
        via = found[hop.via].id if hop.via in found else ""
        reasons.append(Reason(kind="link", value=hop.value, entity=_name(hop.entity, snapshot), via=via))
    if place in ranked.answers:
        value, asking = ranked.answers[place]
        via = found[asking].id if asking in found else ""
        reasons.append(Reason(kind="answer", value=value, via=via))
    return (*reasons, *_learned(place, ranked))


def _name(entity: int, snapshot: Snapshot) -> str:
    """Of entities that people have joined the name by which a passage here knows it: the other one may be in
    none that may be seen."""
    keys = snapshot.graph.keys
    name = keys.name(entity)
    others = keys.joined_with(name)
    if not others:
        return name
    return next((one for one in (name, *others) if snapshot.held.names(one, snapshot.rows)), "")


def _learned(place: int, ranked: Ranked) -> Iterator[Reason]:
    """The parts that speak for the passage, and count otherwise here than they are shipped."""
    speaks: Mapping[Leg, bool] = {
        "words": ranked.scores["bm25"][place] > 0,
        "meaning": ranked.scores["dense"][place] > 0,
        "closeness": ranked.scores["close"][place] > 0,
        "links": place in ranked.hops,
    }
    for leg, does in speaks.items():
        if does and abs(ranked.weights.of(leg) - 1.0) >= NOTICEABLE:
            yield Reason(kind="learned", value=ranked.weights.of(leg), entity=leg)
