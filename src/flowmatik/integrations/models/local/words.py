"""Words of Spanish and English: folding, stems, and what carries no meaning of its own."""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

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
        "debe deben queremos quiero voy vamos va cuyo "
    )
)
STOP = STOP_EN | STOP_ES
# The same notion in other words, within and between the two languages; general vocabulary only.
SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "guarantee guaranteed warranty warranties garantia",
        "leave holiday holidays vacation vacaciones",
        "annual yearly year anual anuales",
        "pay pays paid payment salary pagan pagar paga pago abonan abona abonar",
        "credit credited refund refunded abono",
        "late overdue delay delayed retraso tarde",
        "sign signs signed signature firma firmar firmado firmada",
        "begin begins start starts started empieza empezar comienza comienzo inicio entrada",
        "end ends finish finishes acaba termina fin salida",
        "car vehicle coche vehiculo",
        "take takes tarda tardan plazo plazos",
        "arrive arrives delivery deliver delivered llega llegan llegar entrega entregas entregan",
        "weekend weekends saturday sunday",
        "cost costs price prices precio precios cuesta cuestan",
        "buy buys purchase purchases compra compras comprar",
        "renew renewal renewed renovar renovacion prorroga prorrogar",
        "notice notify notified avisar aviso preaviso antelacion comunicar comunica",
        "employee employees staff empleado empleados plantilla trabajador trabajadores",
        "fulltime full-time",
        "propio particular",
    )
)


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
    return fold((spanish if language == "es" else english).stemWord(word))


def tokens(text: str) -> list[str]:
    return _WORD.findall(text)


def language_of(text: str) -> str:
    """ "es" or "en", by whose small words occur; Spanish signs decide at once."""
    if re.search(r"[¿¡ñ]", text):
        return "es"
    words = [fold(word) for word in tokens(text)]
    return "es" if sum(w in STOP_ES for w in words) > sum(w in STOP_EN for w in words) else "en"


@lru_cache(maxsize=50_000)
def terms(text: str, language: str) -> frozenset[str]:
    """Stems of the words that carry meaning, each notion under one name."""
    found: set[str] = set()
    for word in tokens(text):
        folded = fold(word)
        if folded not in STOP and (len(folded) > 1 or folded.isdigit()):
            found.add(_notion(folded, word.lower(), language))
    return frozenset(found)


@lru_cache(maxsize=100_000)
def _notion(folded: str, word: str, language: str) -> str:
    for n, group in enumerate(SYNONYMS):
        if folded in group:
            return f"={n}"
    return stem(word, language)
