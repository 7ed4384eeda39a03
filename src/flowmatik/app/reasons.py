"""Why a source cannot be used, in the reader's language. Those who say it have no catalogue and say it in
English; the catalogues have each of their sentences, with names for what is put in."""

import re
from collections.abc import Mapping
from functools import cache
from string import Formatter

PREFIX = "reason."
_DEEPEST = 2  # "no copy can be written here: Permission denied"


def reason(said: str, english: Mapping[str, str], own: Mapping[str, str], depth: int = _DEEPEST) -> str:
    """`said` itself where nobody knows it, as the words of a server."""
    for key, pattern in _patterns(tuple(one for one in english.items() if one[0].startswith(PREFIX))):
        if found := pattern.fullmatch(said):
            values = found.groupdict()
            if "said" in values and depth:
                values["said"] = reason(values["said"], english, own, depth - 1)
            return own[key].format(**values)
    return said


@cache
def _patterns(entries: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those with the most words of their own first: `there are …` fits much."""
    latest = sorted(entries, key=lambda one: -len(re.sub(r"\{\w+\}", "", one[1])))
    return tuple((key, re.compile(_pattern(text), re.DOTALL)) for key, text in latest)


def _pattern(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(re.escape(words) + (f"(?P<{name}>.+?)" if name else "") for words, name, _, _ in parts)
