"""Answers a question by quoting what some passage says: one sentence or two, cut to their clauses.

Each sentence, list item and table row is weighed by a few figures (`evidence`), the best one is cut
to what answers (`clauses`), and a second one of the same passage joins it when it is nearly as good
and both fit in MAX_CHARACTERS. When the grounds are too weak (`trust`) the model says that it found
nothing. All weights are fitted, and where the answer stands off, on public questions.
"""

import re
from dataclasses import dataclass
from typing import Any

from flowmatik.integrations.models.local.clauses import shorten
from flowmatik.integrations.models.local.evidence import FIGURES, Asked, Evidence, ask, rivals, weigh
from flowmatik.integrations.models.local.passages import Candidate, Passage, candidates, in_force
from flowmatik.integrations.models.local.trust import grounds, trust
from flowmatik.integrations.models.local.weights import CHOICE
from flowmatik.integrations.models.local.words import fold, language_of

MAX_CHARACTERS = 300
MAX_LISTED = 1200
MOST_LISTED = 12
NEARLY = 2.0  # how far behind the best sentence a second one may be
LISTED = 4.0  # and how far in a list
RIVAL = 2.0  # what speaking of another costs
WANTED = 4.0  # what a replaced document gains when the question is of the past
# Said as an order or asked for whole; a report that a question merely speaks of is none.
_LIST = re.compile(
    r"^\W*(?:please |por favor,? )?(?:list|report|summari[sz]e|enumerate|enumera|lista|informa"
    r"|resume|detalla)\b"
    r"|^\W*(?:\w+ ){1,4}(?:list|report|summary|overview|lista|listado|informe|resumen)\b(?=.*[^?]$)"
    r"|\b(?:what|which|who) are all\b|\b(?:cuales|quienes) son tod[oa]s\b"
)
_PAST = re.compile(
    r"\b(previous|former|formerly|before|used to|old|in (?:19|20)\d\d"
    r"|anterior(?:es)?|antes|antigu[oa]s?|en (?:19|20)\d\d)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """`quotes` are verbatim slices with the ids of their passages; `trust` is below 0 when they are
    not good enough to be an answer."""

    quotes: tuple[tuple[str, str], ...]
    trust: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    candidate: Candidate
    evidence: Evidence
    score: float


def extract(question: str, passages: list[Passage]) -> Extract:
    """The best answer that the passages hold, whatever its worth."""
    current = in_force(passages)
    kept = passages if _PAST.search(fold(question)) else current
    replaced = frozenset(one.id for one in kept) - {one.id for one in current}
    pool = [candidate for passage in kept for candidate in candidates(passage)]
    asked = ask(question, pool)
    if not pool or not asked.order:
        return Extract(quotes=(), trust=-1.0)
    scored = ranked(asked, pool, replaced)
    chosen = _listed(scored) if _LIST.search(fold(question)) else _chosen(asked, scored)
    best = scored[0]
    found = grounds(asked, kept, best.candidate.passage, best.evidence)
    return Extract(quotes=tuple((text, one.passage.id) for one, text in chosen), trust=trust(found))


def answer(question: str, passages: list[Passage]) -> dict[str, Any]:
    """A finding: cited, or an honest "not found" in the question's language."""
    found = extract(question, passages)
    if not found.quotes or found.trust < 0:
        return not_found(language_of(question))
    parts: list[str] = []
    citations: list[dict[str, Any]] = []
    for n, (quote, passage_id) in enumerate(found.quotes, 1):
        parts.append(f"{shown(quote)} [{n}]")
        citations.append({"n": n, "passage_id": passage_id, "quote": quote})
    return {"found": True, "text": " ".join(parts), "citations": citations}


def not_found(language: str) -> dict[str, Any]:
    text = (
        "No lo he encontrado en los documentos disponibles."
        if language == "es"
        else "I did not find this in the documents at hand."
    )
    return {"found": False, "text": text, "citations": []}


def shown(quote: str) -> str:
    """A quote as a person reads it: one line, a table row as its cells."""
    text = " ".join(quote.split())
    if text.startswith("|"):
        return " · ".join(cell.strip() for cell in text.strip("|").split("|") if cell.strip())
    return text.replace("**", "").replace("`", "")


def ranked(asked: Asked, pool: list[Candidate], wanted: frozenset[str] = frozenset()) -> list[Scored]:
    """Best first; equals in the order of the passages. `wanted` passages are what was replaced, where
    the question asks for that."""
    scored = [_scored(asked, one, WANTED * (one.passage.id in wanted)) for one in pool]
    return sorted(scored, key=lambda one: -one.score)


def _scored(asked: Asked, one: Candidate, more: float) -> Scored:
    evidence = weigh(asked, one)
    score = more + sum(weight * getattr(evidence, name) for name, weight in CHOICE.items())
    return Scored(candidate=one, evidence=evidence, score=score - RIVAL * rivals(asked, one))


def _chosen(asked: Asked, scored: list[Scored]) -> list[tuple[Candidate, str]]:
    """The best one, and one more of its passage if it is nearly as good and both are short; never
    another row of its table or another item of its list."""
    best = scored[0]
    first = (best.candidate, shorten(asked, best.candidate.text, MAX_CHARACTERS))
    if asked.kind in FIGURES and asked.names and min(best.evidence.fits, best.evidence.named) == 1:
        return [first]  # the figure of what was named; a second one would only confuse
    for one in scored[1:]:
        if one.score < best.score - NEARLY:
            break
        same = (one.candidate.passage.id, one.candidate.item) == (
            best.candidate.passage.id,
            best.candidate.item,
        )
        if not same or rivals(asked, one.candidate):
            continue
        second = (one.candidate, shorten(asked, one.candidate.text, MAX_CHARACTERS))
        if len(first[1]) + 1 + len(second[1]) <= MAX_CHARACTERS:
            return sorted((first, second), key=lambda pair: pair[0].start)
    return [first]


def _listed(scored: list[Scored]) -> list[tuple[Candidate, str]]:
    """What a list or a report asks for: all that is nearly as good, in the documents' order."""
    chosen: list[Candidate] = []
    for one in scored:
        room = MAX_LISTED - sum(len(other.text) + 1 for other in chosen)
        if len(chosen) == MOST_LISTED or one.score < scored[0].score - LISTED:
            break
        if len(one.candidate.text) <= room and one.candidate.text not in [other.text for other in chosen]:
            chosen.append(one.candidate)
    ordered = sorted(chosen, key=lambda one: (one.passage.rank, one.start))
    return [(one, one.text) for one in ordered]
