"""Answers a question by choosing what some passage says: at most two sentences or 300 characters.

A sentence scores by the question's words that it (or, for less, its surroundings) contains, each
weighed by its rarity among the passages; by fitting what is asked for (a person, a time, an
amount); and by the search's own order. Below a threshold, calibrated on public questions whose
paragraph was left out, the model says that it found nothing.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flowmatik.integrations.models.local.passages import Candidate, Passage, candidates, in_force
from flowmatik.integrations.models.local.words import fold, language_of, terms

MAX_CHARACTERS = 300
MAX_LISTED = 1200
FOUND_PASSAGE = 0.38
FOUND_SENTENCE = 0.22
_UNIT = (
    r"days?|weeks?|months?|years?|hours?|minutes?|seconds?|century|centuries"
    r"|dias?|semanas?|mes(?:es)?|anos?|horas?|minutos?|segundos?|siglos?"
)
_AMOUNT = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve"
    r"|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce)\b"
)
_MOMENT = (
    r"\b\d{1,2}[:.h]\d{2}\b|\b1\d{3}\b|\b20\d{2}\b"
    rf"|\b(?:at|by|until|from|a las?|desde las?|hasta las?) (?:{_AMOUNT})"
    r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|lunes|martes|miercoles|jueves|viernes)\b"
)
_KINDS: tuple[tuple[str, str], ...] = (
    (
        r"\b(how long|cuanto (?:tiempo|tarda|dura)|how soon|how often|antelacion|plazo)\b",
        rf"(?:{_AMOUNT}).*\b(?:{_UNIT})\b",
    ),
    (r"\b(when|what year|what time|cuando|que ano|que hora|que dia|what day)\b", _MOMENT),
    (
        r"\b(how many|how much|how (?:large|big|high|far|old)|what percentage|cuant[oa]s?"
        r"|que porcentaje|number of)\b",
        _AMOUNT,
    ),
    (r"\b(who|whom|whose|quien|quienes)\b", r"@name"),
    (r"\b(where|donde)\b", r"@name"),
)
_NAME = re.compile(r"(?<=[a-záéíóúñ,;(] )[A-ZÁÉÍÓÚÑ][\w'’-]+|\b[A-Z][a-z]+ [A-Z][a-z]+")
_ROLE = re.compile(
    r"\b(?:director|manager|head|lead|officer|responsable|jef[ea]|gerente|encargad[oa]|president)\w*"
)
_LIST = re.compile(
    r"\b(list|report|summar|enumera|lista|informe|resum|detalla|all the|todos los|todas las)\b"
)
_PAST = re.compile(
    r"\b(previous|former|formerly|before|used to|old|in (?:19|20)\d\d"
    r"|anterior(?:es)?|antes|antigu[oa]s?|en (?:19|20)\d\d)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """`quotes` are verbatim slices with the ids of their passages; empty when nothing was found."""

    quotes: tuple[tuple[str, str], ...]
    coverage: float
    sentence_coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    candidate: Candidate
    score: float
    own: float
    around: float


def extract(question: str, passages: list[Passage]) -> Extract:
    """The best answer that the passages hold, whatever its worth."""
    language = language_of(question)
    asked = terms(question, language)
    kept = passages if _PAST.search(fold(question)) else in_force(passages)
    pool = [candidate for passage in kept for candidate in candidates(passage)]
    if not pool or not asked:
        return Extract(quotes=(), coverage=0.0, sentence_coverage=0.0)
    weights = _weights(asked, pool, language)
    shape = _shape(question)
    scored = sorted((_score(one, asked, weights, shape, language) for one in pool), key=lambda s: -s.score)
    best = scored[0]
    chosen = _companions(scored, asked, language, listing=bool(_LIST.search(fold(question))))
    quotes = tuple((one.candidate.text, one.candidate.passage.id) for one in chosen)
    return Extract(quotes=quotes, coverage=best.around, sentence_coverage=best.own)


def answer(question: str, passages: list[Passage]) -> dict[str, Any]:
    """A finding: cited, or an honest "not found" in the question's language."""
    language = language_of(question)
    found = extract(question, passages)
    if not found.quotes or found.coverage < FOUND_PASSAGE or found.sentence_coverage < FOUND_SENTENCE:
        return not_found(language)
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


def _weights(asked: frozenset[str], pool: list[Candidate], language: str) -> dict[str, float]:
    """Inverse frequency over the sentences at hand; a word in none weighs most."""
    count = Counter(t for one in pool for t in terms(one.text, language) & asked)
    return {term: math.log(1 + (len(pool) + 1) / (count[term] + 0.5)) for term in asked}


def _shape(question: str) -> re.Pattern[str] | str | None:
    folded = fold(question)
    for asks, fits in _KINDS:
        if re.search(asks, folded):
            return fits if fits == "@name" else re.compile(fits)
    return None


def _fits(shape: re.Pattern[str] | str | None, text: str) -> bool | None:
    if shape is None:
        return None
    if isinstance(shape, str):
        return bool(_NAME.search(text) or _ROLE.search(fold(text)))
    return bool(shape.search(fold(text)))


def _score(
    one: Candidate,
    asked: frozenset[str],
    weights: dict[str, float],
    shape: re.Pattern[str] | str | None,
    language: str,
) -> _Scored:
    total = sum(weights.values())
    own = terms(one.text, language) & asked
    near = (terms(one.context, language) | terms(one.passage.heading, language)) & asked - own
    far = terms(f"{one.passage.title} {one.passage.text}", language) & asked - own - near
    mass = sum(weights[t] for t in own)
    close = mass + sum(weights[t] for t in near)
    around = close + sum(weights[t] for t in far)
    score = (mass + 0.45 * sum(weights[t] for t in near) + 0.2 * sum(weights[t] for t in far)) / total
    fits = _fits(shape, one.text)
    score += 0.0 if fits is None else 0.12 if fits else -0.12
    score += 0.06 / (1 + one.passage.rank)
    score -= 0.05 if one.text.endswith(("?", ":")) else 0.0
    return _Scored(candidate=one, score=score, own=close / total, around=around / total)


def _companions(
    scored: list[_Scored], asked: frozenset[str], language: str, *, listing: bool
) -> list[_Scored]:
    """The best one, and what belongs to it within the allowed length, in the document's order."""
    best = scored[0]
    limit = MAX_LISTED if listing else MAX_CHARACTERS
    most = 12 if listing else 2
    chosen = [best]
    length = len(best.candidate.text)
    for one in scored[1:]:
        if len(chosen) == most or one.score < best.score * 0.72:
            break
        same = one.candidate.passage.id == best.candidate.passage.id
        if length + len(one.candidate.text) > limit or (
            not same and one.candidate.text == best.candidate.text
        ):
            continue
        fresh = terms(one.candidate.text, language) & asked
        if fresh and not (one.candidate.text.startswith("|") and not listing):
            chosen.append(one)
            length += len(one.candidate.text)
    return sorted(chosen, key=lambda s: (s.candidate.passage.rank, s.candidate.start))
