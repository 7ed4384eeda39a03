"""Cuts a sentence down to the clauses around the answer: one verbatim span of it."""

import re

from flowmatik.integrations.models.local.evidence import Asked, answers
from flowmatik.integrations.models.local.words import spots, terms

ENOUGH = 80  # characters that are short as they are
DEAR = 0.001  # the share of the question that one more character has to earn
SAID = 0.5  # what the thing asked for is worth, as a share of the question
NEAR = 6  # words at which a word of the question counts half for what is said beside it
_BORDER = re.compile(
    r"(?<=[;:)])\s+|(?<=,)\s+(?!\d)|\s+(?=[(—–])"
    r"|\s+(?=(?:which|who|while|because|although|whereas|when|where|and|but|que|quien|mientras|porque"
    r"|aunque|cuando|donde|y|pero)\s)"
)
Span = tuple[int, int]


def shorten(asked: Asked, text: str, limit: int) -> str:
    """What of `text` holds most of the question and of the thing it asks for, in at most `limit`
    characters; all of it when it is short already, or when no kind of answer tells where to cut."""
    said = _said(asked, text)
    if len(text) <= (min(limit, ENOUGH) if said else limit):
        return text
    cuts = [0, *(match.end() for match in _BORDER.finditer(text)), len(text)]
    starts = cuts[:1] if len(text) <= limit else cuts  # what a sentence opens with says of whom it speaks
    spans = [(a, a + len(text[a:b].rstrip(" ,;:("))) for a in starts for b in cuts if b > a]
    fitting = [(a, b) for a, b in spans if 0 < b - a <= limit] or _stretches(text, limit)
    dear = DEAR if said else -DEAR  # without the thing asked for, what surrounds it may be the answer
    a, b = max(fitting, key=lambda span: _worth(asked, text, span, said) - dear * (span[1] - span[0]))
    return text[a:b].strip()


def _worth(asked: Asked, text: str, span: Span, said: dict[Span, float]) -> float:
    start, end = span
    held = asked.share(terms(text[start:end], asked.language) & asked.weights.keys())
    return held + SAID * sum(part for (a, b), part in said.items() if start <= a and b <= end)


def _said(asked: Asked, text: str) -> dict[Span, float]:
    """Each place that says something of the kind asked for, with its part of the whole: those beside
    the question's words count most."""
    words = spots(text, asked.language)
    hits = [(n, term) for n, (_, _, term) in enumerate(words) if term in asked.weights]
    worth: dict[Span, float] = {}
    for a, b in answers(asked, text):
        inside = [n for n, (start, end, _) in enumerate(words) if start < b and end > a]
        if inside:
            first, last = inside[0], inside[-1]
            close: dict[str, float] = {}
            for n, term in hits:
                close[term] = max(close.get(term, 0.0), 1 / (1 + max(0, first - n, n - last) / NEAR))
            worth[(a, b)] = sum(asked.weights[t] * by for t, by in close.items()) ** 3
    whole = sum(worth.values())
    return {span: value / whole for span, value in worth.items()} if whole else {}


def _stretches(text: str, limit: int) -> list[Span]:
    """Without a border that helps: as many whole words as fit, from each word on."""
    starts = [match.start() for match in re.finditer(r"\S+", text)]
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return [(a, max((b for b in ends if a < b <= a + limit), default=a + limit)) for a in starts]
