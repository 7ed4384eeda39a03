"""What makes two surfaces the same entity: one folded canonical form."""

import re
from functools import lru_cache

from flowmatik.memory.language import fold, word_set

_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_BRACKETS = re.compile(r"\s*[\(\[（][^()\[\]（）]*[\)\]）]\s*$")
_POSSESSIVE = re.compile(r"['’]s?(?=\W|$)")
_SIGNS = re.compile(r"[\W_]+")
_ARTICLES = word_set("the a an el la los las lo un una unos unas")
MAX_KEY = 120


@lru_cache(maxsize=100_000)
def key_of(surface: str) -> str:
    """Lower case, no accents, signs as one blank, "U.S." as "us", no article in front, no possessive."""
    text = _DOTTED.sub(lambda match: match[0].replace(".", "") + " ", surface)
    words = _SIGNS.sub(" ", fold(_POSSESSIVE.sub("", text))).split()
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return " ".join(words)[:MAX_KEY]


def title_keys(title: str) -> tuple[str, ...]:
    """Under which a title is meant: as it stands, and without what only tells it from its namesakes
    ("Mercury (planet)")."""
    whole, bare = key_of(title), key_of(_BRACKETS.sub("", title))
    return tuple(dict.fromkeys(key for key in (bare, whole) if key))
