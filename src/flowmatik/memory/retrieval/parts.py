"""The parts of a question that asks about two things at once, by its form alone: "Which came first, A or B?",
"Are both A and B …?", "¿Qué es más alto, A o B?". Each part's own passages are looked at, not only those that
stand well for the whole."""

import re

from flowmatik.memory.language import fold

LONG = 400  # signs: what is longer is no question of this form
LONGEST = 12  # words of a part: a longer one is no name of a thing
_FORM = re.compile(
    r"\b(both|either|which|older|younger|taller|larger|longer|earlier|later|first|last|more|less|same|common"
    r"|ambos|ambas|cual|cuales|mayor|menor|primero|primera|antes|despues|mas|menos|mismo|misma|comun)\b"
)
_EITHER = re.compile(
    r"[,:;]\s*(?P<one>[^,:;?¿]+?),?\s+(?:or|o|u)\s+(?P<other>[^,:;?]+?)\s*\?*\s*$", re.IGNORECASE
)
_BOTH = re.compile(
    r"\b(?:both|between|ambos|ambas|entre|(?:are|were)\s+both|are|were|do|did|have|had|is|son|eran|tienen)\s+(?P<one>[^,:;?¿]+?)"
    r"\s+(?:and|or|y|e|o)\s+(?P<other>[^,:;?]+?)(?=\s+(?:both|have|from|of|the|a|in|son|de|del|la|el)\b|[,:;?]|$)",
    re.IGNORECASE,
)


def parts_of(question: str) -> tuple[str, ...]:
    """Two texts of the question, or none."""
    if len(question) > LONG:
        return ()
    for pattern in (_EITHER, _BOTH):
        found = pattern.search(question)
        if found and (pattern is _EITHER or _FORM.search(fold(question))):
            pair = found["one"].strip(), found["other"].strip()
            if all(pair) and all(len(part.split()) <= LONGEST for part in pair):
                return pair
    return ()
