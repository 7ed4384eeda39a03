"""A question in one language over documents in the other: what to search for, and which answer stands.

The words that `trade` and `vocabulary` know are put into the other language, names stay as they are.
"""

from typing import Any

from flowmatik.integrations.models.local import passages
from flowmatik.integrations.models.local.extract import Extract, extract
from flowmatik.integrations.models.local.trade import PAIRS
from flowmatik.integrations.models.local.vocabulary import GROUPS
from flowmatik.integrations.models.local.words import BOTH, STOP, cognate, fold, language_of, tokens

ENOUGH = 0.75  # of the question in the best sentence: then no other language is searched
LEAST = 0.5  # of the question that a sentence of the other language has to say
AHEAD = 0.1  # how much more of it a sentence of the other language has to say


def query(question: str) -> str:
    """The words to search for in the other language; "" if none of them is known there."""
    to = language_of(question) == "en"  # of PAIRS, English first
    said = [fold(word) for word in tokens(question)]
    found: list[str] = []
    known = False
    for word in (word for word in said if word not in STOP and len(word) > 1):
        forms = _forms(word, to)
        other = cognate(word, to_english=not to)
        known = known or bool(forms) or other != word
        found += forms or [other]
    return " ".join(dict.fromkeys(found)) if known else ""


def _forms(word: str, to: bool) -> list[str]:
    for pair in PAIRS:
        if word in pair[not to]:
            return sorted(pair[to])
    others = next((group for group in GROUPS if word in group), frozenset[str]())
    return sorted(others - {word})


def is_enough(found: Extract) -> bool:
    return found.trust >= 0 and found.covers >= ENOUGH


def best(question: str, found: Extract, second: list[dict[str, Any]], today: str) -> Extract:
    """`found` in the question's language, or what the other one says, if that says more of it."""
    other = "es" if language_of(question) == "en" else "en"
    theirs = [one for one in passages.read(second) if one.language == other]
    across = extract(question, theirs, today, BOTH)
    least = max(LEAST, found.covers + AHEAD) if found.trust >= 0 else LEAST
    return across if across.trust >= 0 and across.covers >= least else found
