"""Words to index terms: stop-words out, stemmed in the passage's language, accents folded.

A term carries its language ("es:factur"), so a question word reaches the passages of each
language through that language's own stem, and its document frequency is the sum over them.
"""

import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol, cast

from flowmatik.memory.emoji import EMOJI, KEY, as_words, may_have_emoji, term_of
from flowmatik.memory.language import LANGUAGES, OTHERS, STOP_WORDS, WORD, fold


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # the library's own name


_LOCK = threading.Lock()  # a stemmer keeps its word in itself
_NAMES = {
    "es": "spanish",
    "en": "english",
    "pt": "portuguese",
    "fr": "french",
    "de": "german",
    "it": "italian",
}  # fmt: skip
_FOLDED_STOPS = {code: frozenset(map(fold, words)) for code, words in (STOP_WORDS | OTHERS).items()}
_MAX_TERM = 64
_WORD_OR_EMOJI = re.compile(rf"{EMOJI.pattern}|(?P<word>{WORD.pattern})")
MAX_QUERY_WORDS = 64


@lru_cache(maxsize=8)
def _stemmer(language: str) -> _Stemmer:
    import snowballstemmer  # every language's tables: not for a start that searches nothing

    return cast("Any", snowballstemmer).stemmer(_NAMES[language])


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """The folded stem of `word`; unknown languages fold only. An emoji has none and is written out."""
    if not word[:1].isalnum() or word.endswith(KEY):
        return term_of(word)[:_MAX_TERM]
    lowered = word.casefold()[:_MAX_TERM]
    if language in _NAMES and not lowered.isdigit():
        with _LOCK, suppress(UnicodeEncodeError):  # half of a character has no stem
            lowered = _stemmer(language).stemWord(lowered)
    return fold(lowered)


def words(text: str) -> list[str]:
    found: list[str] = _with_emoji(text) if may_have_emoji(text) else WORD.findall(text)
    if "'" in text or "’" in text:
        return [word.split("'")[0].split("’")[0] for word in found]
    return found


def _with_emoji(text: str) -> list[str]:
    found: list[str] = []
    for match in _WORD_OR_EMOJI.finditer(text):
        found += [match[0]] if match.lastgroup == "word" else as_words(match[0])
    return found


def terms(text: str, language: str) -> list[str]:
    """Index terms of a passage, with repetitions; of an unknown language, in Spanish and English."""
    found = [word for word in words(text) if word]
    codes = (language,) if language in _FOLDED_STOPS else LANGUAGES
    return [
        f"{code}:{stem(word, code)}"
        for code in codes
        for word in found
        if fold(word) not in _FOLDED_STOPS[code]
    ]


def content_words(query: str, query_language: str) -> list[str]:
    """The meaningful words of a question as they are written, each once.

    Stop-words are those of the question's language, or of Spanish and English when it is unsure; a
    question made of nothing else keeps them all.
    """
    surface = {fold(word): word for word in words(query) if word}
    asked = list(dict.fromkeys(fold(word) for word in words(query) if word))
    sets: Iterable[frozenset[str]] = (
        [_FOLDED_STOPS[query_language]]
        if query_language in _FOLDED_STOPS
        else [_FOLDED_STOPS[code] for code in LANGUAGES]
    )
    stops = frozenset[str]().union(*sets)
    kept = [word for word in asked if word not in stops] or asked
    return [surface[word] for word in kept[:MAX_QUERY_WORDS]]


def query_terms(query: str, query_language: str) -> list[tuple[str, ...]]:
    """For each meaningful word of the question, its terms in every language."""
    groups = (
        tuple(f"{code}:{stem(word, code)}" for code in _NAMES)
        for word in content_words(query, query_language)
    )
    return list(dict.fromkeys(groups))


def is_known(code: str) -> bool:
    """Whether there are stop-words and stems of that language."""
    return code in _FOLDED_STOPS


def stop_words(code: str) -> frozenset[str]:
    """Of that language, folded."""
    return _FOLDED_STOPS[code]


def is_stop_word(folded: str) -> bool:
    return any(folded in _FOLDED_STOPS[code] for code in LANGUAGES)
