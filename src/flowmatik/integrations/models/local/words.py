"""Words of Spanish and English: folding, stems, and what carries no meaning of its own."""

import re
import unicodedata
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

from flowmatik.integrations.models.local.trade import OF_THING
from flowmatik.integrations.models.local.vocabulary import OF_WORD

BOTH = "both"  # the language of a question that is read beside documents of the other one
_ENDINGS = (
    ("ctions", "cciones"), ("ction", "ccion"), ("tions", "ciones"), ("tion", "cion"), ("sions", "siones"),
    ("ties", "dades"), ("ty", "dad"), ("phone", "fono"), ("ology", "ologia"), ("ments", "mentos"),
    ("ment", "mento"), ("ance", "ancia"), ("ence", "encia"), ("ory", "orio"), ("ary", "ario"),
    ("ical", "ico"),
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:[.,:]\d+)*", re.UNICODE)


def _words(text: str) -> list[str]:
    return text.split()


STOP_EN = frozenset(
    _words(
        "a an the of to in on at by for with from and or is are was were be been being do does did has "
        "have had it its this that these those there here as if then than so not no yes we you they he "
        "she i me my your our their his her us them can could may might must shall should will would what "
        "which who whom whose when where why how much many long one any some all each every into about "
        "over under out up down off only own same too very just also between during before after again "
        "once more most other such s t let get gets got somebody someone anybody anyone whole now today "
        "currently per "
    )
)
STOP_ES = frozenset(
    _words(
        "el la los las un una unos unas de del al a en por para con sin sobre entre y e o u que se su sus "
        "lo le les me mi mis tu tus te nos nuestro nuestra es son fue era eran ser sera esta estan estaba "
        "este esta estos estas ese esa esos esas aquel hay ha han haber habia si no ni como cuando donde "
        "cual cuales quien quienes cuanto cuanta cuantos cuantas porque pero mas menos muy ya tambien asi "
        "desde hasta durante antes despues cada todo toda todos todas otro otra otros otras mismo misma "
        "uno hace hacer tiene tienen tener hay ahora hoy actualmente alguien algun alguna puede pueden "
        "dura duran puedo podemos podria debe deben queremos quiero voy vamos va cuyo "
    )
)
STOP = STOP_EN | STOP_ES
GREETINGS_ES = frozenset(_words("hola gracias buenos buenas adios ayudame saludos"))


@lru_cache(maxsize=100_000)
def fold(text: str) -> str:
    """Lower case, without accents; the same length is not promised."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


@cache
def _stemmers() -> tuple[Any, Any]:
    import snowballstemmer

    module: Any = snowballstemmer
    return module.stemmer("english"), module.stemmer("spanish")


@lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    english, spanish = _stemmers()
    with suppress(UnicodeEncodeError):  # half of a character has no stem
        word = (spanish if language == "es" else english).stemWord(word)
    return fold(word)


def tokens(text: str) -> list[str]:
    return _WORD.findall(text)


def language_of(text: str) -> str:
    """ "es" or "en", by whose small words occur; Spanish signs decide at once."""
    if re.search(r"[¿¡ñ]", text):
        return "es"
    words = [fold(word) for word in tokens(text)]
    if not GREETINGS_ES.isdisjoint(words):
        return "es"
    return "es" if sum(w in STOP_ES for w in words) > sum(w in STOP_EN for w in words) else "en"


def flat(text: str) -> str:
    """Folded with every character in its place, for spans that are valid in the text itself."""
    folded = fold(text)
    if len(folded) == len(text):
        return folded
    return "".join(f if len(f := fold(c)) == 1 else c for c in text)


@lru_cache(maxsize=4_000)
def spots(text: str, language: str) -> tuple[tuple[int, int, str], ...]:
    """Every word with its place; its notion, or "" if it carries no meaning of its own."""
    found: list[tuple[int, int, str]] = []
    for match in _WORD.finditer(text):
        folded = fold(match[0])
        means = folded not in STOP and (len(folded) > 1 or folded.isdigit())
        found.append((*match.span(), _notion(folded, match[0].lower(), language) if means else ""))
    return tuple(found)


@lru_cache(maxsize=50_000)
def terms(text: str, language: str) -> frozenset[str]:
    """Stems of the words that carry meaning, each notion under one name."""
    return frozenset(term for _, _, term in spots(text, language) if term)


def cognate(word: str, *, to_english: bool) -> str:
    """What a folded word of Latin is in the other language, by its ending; itself where it has none."""
    for english, spanish in _ENDINGS:
        mine, theirs = (spanish, english) if to_english else (english, spanish)
        if len(word) > len(mine) + 3 and word.endswith(mine):
            return word.removesuffix(mine) + theirs
    return word


@lru_cache(maxsize=100_000)
def _notion(folded: str, word: str, language: str) -> str:
    if language == BOTH:
        known = OF_THING.get(folded) or OF_WORD.get(folded)
        return known or stem(cognate(folded, to_english=True), "en")
    return OF_WORD.get(folded) or stem(word, language)
