"""Answers a question by quoting what some passage says: one sentence or two, cut to their clauses.

Each word of each sentence, list item and table row has a chance to belong to what was asked for
(`reading`). The quotes are those clauses of the best sentence, and of one more of its passage, that
hold most of the chance in MAX_CHARACTERS, as long as they are worth their length. When the grounds are
too weak (`trust`) the model says that it found nothing. All weights are fitted, and where the answer
stands off, on public questions.
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any

from flowmatik.integrations.models.local import reading, rows
from flowmatik.integrations.models.local.evidence import FIGURES, Asked, ask, rivals
from flowmatik.integrations.models.local.parts import Quote, parts, row_quote, shown
from flowmatik.integrations.models.local.passages import Candidate, Passage, candidates, in_force
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.standing import admits, knows
from flowmatik.integrations.models.local.trust import grounds, trust
from flowmatik.integrations.models.local.validity import validity
from flowmatik.integrations.models.local.words import fold, language_of, terms

MAX_LISTED = 1200
MOST_LISTED = 12
SECOND = 0.03  # the chance that a second quote has to earn
ALL_BUT_ALL = 0.8
SAME, NEARLY = 2.5, 0.25  # how far behind in score and in words a sentence says the same, dated
TRIED = 4  # sentences that the second quote may come from
LISTED = 4.0  # how far behind the best sentence the last one of a list may be
WANTED = 6.0  # what a replaced document gains when the question is of the past
# Said as an order or asked for whole; a report that a question merely speaks of is none.
_LIST = re.compile(
    r"^\W*(?:please |por favor,? )?(?:list|report|summari[sz]e|enumerate|enumera|lista|informa"
    r"|resume|detalla)\b"
    r"|^\W*(?:\w+ ){1,4}(?:list|report|summary|overview|lista|listado|informe|resumen)\b(?=.*[^?]$)"
    r"|\b(?:what|which|who) are all\b|\b(?:cuales|quienes) son tod[oa]s\b"
)
# Both sides of a comparison are not found in one sentence, and drawing it is no quoting.
_COMPARES = re.compile(r"^\W*(?:please |por favor,? )?(?:compare|contrast|compara|comparar|contrasta)\b")
_PRONOUN = re.compile(r"(?:she|he|they|ella|ellos|ellas)\b")
_PAST = re.compile(
    r"\b(previous|former|formerly|before|used to|old|in (?:19|20)\d\d"
    r"|anterior(?:es)?|antes|antigu[oa]s?|en (?:19|20)\d\d)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """`trust` is below 0 when the quotes are not good enough to be an answer. `covers`: how much of the
    question the best sentence says, with what leads to it; 0 when it says nothing of the kind asked for."""

    quotes: tuple[Quote, ...]
    trust: float
    covers: float = 0.0


def extract(question: str, passages: list[Passage], today: str = "", language: str = "") -> Extract:
    """The best answer that the passages hold, whatever its worth. `language` is BOTH where they are of
    the other one."""
    current = in_force(passages, today)
    past = _PAST.search(fold(question)) is not None
    kept = passages if past else current
    replaced = frozenset(one.id for one in kept) - {one.id for one in current}
    pool = [candidate for passage in kept for candidate in candidates(passage)]
    asked = ask(question, pool, language)
    pool = [one for one in pool if not rows.is_csv(one.passage.source) or _singled_out(asked, one, pool)]
    pool = [one for one in pool if admits(asked, question, one)]
    if not pool or not asked.order or _COMPARES.search(fold(question)) or not knows(asked, kept):
        return Extract(quotes=(), trust=-1.0)
    read = reading.read(asked, pool, dict.fromkeys(replaced, WANTED))
    if not past:
        read = _in_force_first(read, today)
    if not read:
        return Extract(quotes=(), trust=-1.0)
    chosen = _listed(read) if is_list(question) else _chosen(asked, read)
    best = read[0]
    found = grounds(asked, kept, best.candidate.passage, best.evidence)
    said = best.evidence
    covers = said.own + said.near if said.fits >= 0 else 0.0
    return Extract(quotes=tuple(chosen), trust=trust(found), covers=covers)


def is_list(question: str) -> bool:
    """Whether it asks for all that there is."""
    return _LIST.search(fold(question)) is not None


def _in_force_first(read: list[Reading], today: str) -> list[Reading]:
    """Of sentences that say the same but for the time in which it holds, only the one that holds today,
    of several the one that began last."""
    if not read or read[0].evidence.fits < 1:
        return read
    best = read[0]
    alike = {
        id(one): validity(one.candidate.text)
        for one in read
        if one.score >= best.score - SAME
        and one.evidence.own >= best.evidence.own - NEARLY
        and one.evidence.fits == 1
    }
    holding = [one for one in read if id(one) in alike and (not today or alike[id(one)].holds(today))]
    if not holding or not any(time.first or time.end for time in alike.values()):
        return read
    latest = max(holding, key=lambda one: alike[id(one)].first)
    return [latest, *(one for one in read if id(one) not in alike)]


def _singled_out(asked: Asked, row: Candidate, pool: list[Candidate]) -> bool:
    """Only the first rows of a data file are among the passages: one of them answers when what the
    question names (says, if it names nothing) beside file and columns is in that row and no other."""
    named = terms(f"{row.passage.title} {row.context}", asked.language)
    wanted = (asked.names - named) or (frozenset(asked.order) - named)
    beside = (one for one in pool if one.passage is row.passage and one is not row)
    return (
        bool(wanted)
        and wanted <= terms(row.text, asked.language)
        and not any(wanted <= terms(one.text, asked.language) for one in beside)
    )


def answer(question: str, passages: list[Passage], *, today: str = "", refusal: str = "") -> dict[str, Any]:
    return finding(question, extract(question, passages, today), refusal)


def finding(question: str, found: Extract, refusal: str = "") -> dict[str, Any]:
    """Cited, or an honest "not found" in the question's language. After a `refusal` of the tables, a
    sentence has to say all but all that was asked, and the refusal stands otherwise."""
    if refusal and found.covers < ALL_BUT_ALL:
        return {"found": False, "text": refusal, "citations": []}
    if not found.quotes or found.trust < 0:
        return not_found(language_of(question))
    parts: list[str] = []
    citations: list[dict[str, Any]] = []
    for quote in found.quotes:
        marks = ""
        for text in (quote.text, quote.header) if quote.header else (quote.text,):
            citations.append({"n": len(citations) + 1, "passage_id": quote.passage_id, "quote": text})
            marks += f"[{len(citations)}]"
        parts.append(f"{quote.shown} {marks}")
    return {"found": True, "text": " ".join(parts), "citations": citations}


def not_found(language: str) -> dict[str, Any]:
    text = (
        "No lo he encontrado en los documentos disponibles."
        if language == "es"
        else "I did not find this in the documents at hand."
    )
    return {"found": False, "text": text, "citations": []}


def _chosen(asked: Asked, read: list[Reading]) -> list[Quote]:
    """Of the best sentence what is worth its length, or of it and one more of its passage what is worth
    more together; never another row of its table or another item of its list."""
    best = read[0]
    alone = max(parts(best), key=lambda part: part.worth)
    chosen, worth = [alone], alone.worth
    before = _meant(asked, read) if asked.kind == "person" else None
    if before is not None:
        chosen = [max(parts(before), key=lambda part: part.worth), alone]
    elif not _settled(asked, best):
        for one in read[:TRIED]:
            if _beside(one.candidate, best.candidate) and not rivals(asked, one.candidate):
                for first, second in product(parts(best), parts(one)):
                    together = first.worth + second.worth - SECOND
                    if together > worth and first.goes_with(second):
                        chosen, worth = [first, second], together
    ordered = sorted(chosen, key=lambda part: part.start)
    return [part.quote for part in ordered]


def _meant(asked: Asked, read: list[Reading]) -> Reading | None:
    """The sentence before the best one, where that one says "she" and names nobody."""
    best = read[0].candidate
    if not _PRONOUN.match(fold(best.text)):
        return None
    said = [one for one in read if one.candidate.passage is best.passage]
    return next((one for one in said if one.candidate.text == best.context), None)


def _settled(asked: Asked, best: Reading) -> bool:
    """Whether it gives the figure of just what was named: another quote would only confuse."""
    evidence = best.evidence
    return bool(asked.kind in FIGURES and asked.names) and min(evidence.fits, evidence.named) == 1


def _beside(one: Candidate, best: Candidate) -> bool:
    return (one.passage.id, one.item) == (best.passage.id, best.item)


def _listed(read: list[Reading]) -> list[Quote]:
    """What a list or a report asks for: all that is nearly as good, in the documents' order."""
    chosen: list[Candidate] = []
    for one in read:
        room = MAX_LISTED - sum(len(other.text) + 1 for other in chosen)
        if len(chosen) == MOST_LISTED or one.score < read[0].score - LISTED:
            break
        if len(one.candidate.text) <= room and one.candidate.text not in [other.text for other in chosen]:
            chosen.append(one.candidate)
    ordered = sorted(chosen, key=lambda one: (one.passage.rank, one.start))
    return [
        row_quote(one) if one.row else Quote(text=one.text, shown=shown(one.text), passage_id=one.passage.id)
        for one in ordered
    ]
