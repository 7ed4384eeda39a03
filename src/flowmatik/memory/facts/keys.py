"""When two statements speak of the same: subjects, predicates and values without what makes no difference."""

import re

from flowmatik.memory.language import fold

ME = "user"  # the subject of what a person says about themselves
# Predicates of which several values hold side by side. All others, unknown ones too, have one at a time.
MANY = frozenset(
    {"likes", "dislikes", "prefers", "uses", "speaks", "knows", "note", "child", "owns", "allergic_to"}
)
_GAPS = re.compile(r"[^\w]+")
_WORD = re.compile(r"\w")


def key_of(text: str) -> str:
    """Without case, accents and punctuation around it; gaps are one space."""
    folded = fold(text)
    ends = (_WORD.search(folded), _WORD.search(folded[::-1]))  # `\W+$` would be tried at each sign of a gap
    begin, behind = (one.start() if one else len(folded) for one in ends)
    return " ".join(folded[begin : max(begin, len(folded) - behind)].split())


def predicate_of(text: str) -> str:
    """`lives in`, `Lives-In` and `lives_in` are one."""
    return _GAPS.sub("_", fold(text)).strip("_")


def has_many(predicate: str, said: bool | None) -> bool:
    return predicate in MANY if said is None else said
