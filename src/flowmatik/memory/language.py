"""Spanish or English, by stop-words; good enough to choose a stemmer, and it says when unsure."""

import re
import unicodedata
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "es": word_set(
        """a al algo algunas algunos ante antes aquel aquella aquellos aquí así aun aunque bajo
        bien cada como cómo con contra cual cuál cuales cuáles cualquier cuando cuándo cuanta
        cuánta cuantas cuántas cuanto cuánto cuantos cuántos de del desde donde dónde dos
        durante e el él ella ellas ello ellos en entre era eran es esa esas ese eso esos esta
        está están estas este esto estos fue fueron ha había han hasta hay la las le les lo los
        más me mi mis mientras mucho muy nada ni no nos nosotros nuestra nuestro nuestras
        nuestros o os otra otras otro otros para pero poco por porque pues que qué quien quién
        quienes quiénes se sea según ser si sí sido sin sobre son su sus también tan tanto te
        tiene tienen todo toda todos todas tras tu tú un una uno unos unas usted y ya yo cuyo
        cuya puede pueden hace hacen debe deben"""
    ),
    "en": word_set(
        """a about above after again all also am an and any are as at be because been before being
        below between both but by can could did do does doing down during each for from further
        had has have having he her here hers him his how i if in into is it its itself just may
        me more most my no nor not now of off on once only or other our ours out over own same
        she should so some such than that the their theirs them then there these they this those
        through to too under until up us very was we were what when where which while who whom
        whose why will with would you your yours"""
    ),
}
LANGUAGES = tuple(STOP_WORDS)
_SHARED = STOP_WORDS["es"] & STOP_WORDS["en"]


def detect(text: str, *, sample_chars: int = 6000) -> str:
    """ "es", "en", or "" when the text does not say clearly (few stop-words, or both alike)."""
    sample = text[:sample_chars]
    words = [word.casefold() for word in WORD.findall(sample)]
    spanish = sum(word in STOP_WORDS["es"] and word not in _SHARED for word in words)
    english = sum(word in STOP_WORDS["en"] and word not in _SHARED for word in words)
    if any(sign in sample for sign in "¿¡"):
        spanish += 2
    spanish += any(sign in sample.casefold() for sign in "ñáíóú")
    if spanish > 1.5 * english:
        return "es"
    return "en" if english > 1.5 * spanish else ""


@lru_cache(maxsize=100_000)
def fold(word: str) -> str:
    """Lower case without accents ("ñ" counts as a letter of its own)."""
    decomposed = unicodedata.normalize("NFD", word.casefold())
    kept = (c for i, c in enumerate(decomposed) if not _is_accent(decomposed, i))
    return unicodedata.normalize("NFC", "".join(kept))


def _is_accent(text: str, index: int) -> bool:
    mark = text[index]
    return unicodedata.combining(mark) != 0 and not (mark == "\u0303" and text[index - 1] == "n")
