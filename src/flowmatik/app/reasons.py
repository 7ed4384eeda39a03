"""What stands inside a sentence, such as why a source cannot be used, in the reader's language. Those who say
it have no catalogue and say it in English; the catalogues have each of their phrases, with names for what is
put in."""

import re
from collections.abc import Mapping
from functools import cache
from string import Formatter

REASON = "reason."
PHRASES: Mapping[str, str] = {
    "why": REASON,
    "said": REASON,
    "allowed": "allowed.",
    "place": "place.",
    "known": "list.",
    "summary": "shipped.",
}
WORDS: Mapping[str, str] = {"what": "agents.change.", "state": "factory."}
_DEEPEST = 2  # "no copy can be written here: Permission denied"


def phrase(name: str, said: str, english: Mapping[str, str], own: Mapping[str, str]) -> str:
    """The value `said` of `name`: itself where nobody knows it, as the words of a server."""
    if name in WORDS:
        return own.get(WORDS[name] + said, said)
    return _phrase(PHRASES[name], said, english, own, _DEEPEST)


def _phrase(prefix: str, said: str, english: Mapping[str, str], own: Mapping[str, str], depth: int) -> str:
    for key, pattern in _patterns(prefix, tuple(one for one in english.items() if one[0].startswith(prefix))):
        if found := pattern.fullmatch(said):
            values = found.groupdict()
            if "said" in values and depth:
                values["said"] = _phrase(REASON, values["said"], english, own, depth - 1)
            return own[key].format(**values)
    return said


@cache
def _patterns(prefix: str, entries: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those with the most words of their own first: `there are …` fits much; and last those that begin with
    a value, which may be a whole sentence with another one behind it."""
    latest = sorted(entries, key=lambda one: (one[1].startswith("{"), -len(re.sub(r"\{\w+\}", "", one[1]))))
    return tuple((key, re.compile(_pattern(text), re.DOTALL)) for key, text in latest)


def _pattern(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(re.escape(words) + (f"(?P<{name}>.+?)" if name else "") for words, name, _, _ in parts)
