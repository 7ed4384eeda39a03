"""Words and phrases, whatever their case and accents; and which language a text is in."""

import re
import unicodedata
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _set(
    """a about after all also an and any are as at be because been before but by can could did do does for
    from had has have he her his how if in into is it its just may more most my not now of on or other our out
    over she should so some such than that the their them then there these they this those to under until up
    was we were what when where which while who will with would you your"""
)
_SPANISH = _set(
    """al algo antes aunque bajo bien cada como con contra cual cuando de del desde donde dos durante el ella
    ellas ellos en entre era es esa ese eso esta este esto fue ha han hasta hay la las le les lo los mas mi
    mientras mucho muy ni nos nuestra nuestro o os otra otro para pero poco por porque pues que quien se sea
    segun ser si sido sin sobre son su sus tambien tanto te tiene tienen toda todo todos tras tu un una uno
    usted y ya"""
)
FUNCTION_WORDS = _ENGLISH | _SPANISH
_SAMPLE = 6000


@lru_cache(maxsize=20_000)
def fold(text: str) -> str:
    """Lower case without accents; "ñ" counts as "n", for people leave that out, too."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def folded(text: str) -> str:
    """Of a text of any length, with every sign in its place: an index into one is an index into the other."""
    if text.isascii():
        return text.lower()
    return "".join(_folded_sign(sign) for sign in text)


@lru_cache(maxsize=5000)
def _folded_sign(sign: str) -> str:
    base = unicodedata.normalize("NFD", sign)[0].lower()
    return base if len(base) == 1 else sign


@lru_cache(maxsize=512)
def pattern_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the phrases as whole words, longest first, in a text that was `folded`."""
    forms = sorted({folded(" ".join(phrase.split())) for phrase in phrases}, key=lambda one: (-len(one), one))
    inner = "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in forms)
    return re.compile(rf"(?<!\w)(?:{inner})(?!\w)")


def matches_of(phrases: tuple[str, ...], flat: str) -> list[re.Match[str]]:
    """Where any of the phrases stands in a folded text; quick where none does, which is the rule."""
    heads = _heads_of(phrases)
    if "" not in heads and heads.isdisjoint(WORD.findall(flat)):
        return []
    return list(pattern_of(phrases).finditer(flat))


@lru_cache(maxsize=512)
def _heads_of(phrases: tuple[str, ...]) -> frozenset[str]:
    """How each of them begins, as `WORD` reads it; "" where it has no word."""
    return frozenset(WORD.findall(folded(phrase))[0] if WORD.search(phrase) else "" for phrase in phrases)


def language_of(text: str) -> str:
    """ "en", "es", or "" when the text does not say clearly."""
    sample = text[:_SAMPLE]
    words = WORD.findall(folded(sample))
    spanish = sum(word in _SPANISH for word in words)
    english = sum(word in _ENGLISH for word in words)
    spanish += 2 * any(sign in sample for sign in "¿¡") + any(sign in sample for sign in "ñáíóúÑÁÍÓÚ")
    if spanish > 1.5 * english:
        return "es"
    return "en" if english > 1.5 * spanish else ""
