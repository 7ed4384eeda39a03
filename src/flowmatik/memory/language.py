"""Which language a text is in, by stop-words; good enough to choose a stemmer, and it says when unsure."""

import re
import unicodedata

_ACCENTS = 30
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
OTHERS: dict[str, frozenset[str]] = {
    "pt": word_set(
        """ao aos as até com como da das de dela dele deles depois do dos e ela elas ele eles em entre era
        essa esse esta está este eu foi foram há isso isto já lhe mais mas me mesmo meu minha muito na nas não
        nem no nos nós num numa o os ou para pela pelas pelo pelos por quando que quem são se sem ser seu
        sua seus suas só também te tem têm um uma você vocês à às é"""
    ),
    "fr": word_set(
        """au aux avec ce ces cette dans de des du elle elles en est et été être eux il ils je la le les leur
        leurs lui ma mais me mes moi mon même ne nos notre nous on ont ou où par pas pour plus qu que qui sa
        sans se ses son sont sur ta te tes toi ton tu un une vos votre vous à y c d j l n s t"""
    ),
    "de": word_set(
        """aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dem den denn der des
        die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er es für hat hatte
        haben hier ich ihr ihre im in ist ja kann kein keine mich mir mit muss nach nicht noch nun nur ob oder
        ohne sehr sein seine sich sie sind so über um und uns unter vom von vor war waren was weil welche wenn
        werden wie wir wird zu zum zur zwischen"""
    ),
    "it": word_set(
        """a ad agli ai al alla alle allo anche c che chi ci come con cui da dagli dai dal dalla dalle dei del
        della delle dello di dove e ed era è fra gli ha hanno i il in io l la le lei lo loro lui ma mi mia mio
        ne negli nei nel nella nelle non o per perché più quale quando quella quello questa questo qui se sei
        si sia sono su sua sue sugli sui sul sulla suo tra tu tutti tutto un una uno"""
    ),
}
_SHARED = STOP_WORDS["es"] & STOP_WORDS["en"]
_MAIN = STOP_WORDS["es"] | STOP_WORDS["en"]
_OWN = {code: words - _MAIN for code, words in OTHERS.items()}
_LEAST = 4  # different words of its own, below which a text is in none of the others
_SHORT = 12  # words: of a text as short as a question two of its own suffice, if nothing else is near
_LEAST_SHORT = 2


def detect(text: str, *, sample_chars: int = 6000) -> str:
    """ "es", "en", "pt", "fr", "de", "it", or "" when the text does not say clearly (few stop-words, or two
    alike)."""
    sample = text[:sample_chars]
    words = [word.casefold() for word in WORD.findall(sample)]
    spanish = sum(word in STOP_WORDS["es"] and word not in _SHARED for word in words)
    english = sum(word in STOP_WORDS["en"] and word not in _SHARED for word in words)
    if other := _other(words, spanish, english):
        return other
    if any(sign in sample for sign in "¿¡"):
        spanish += 2
    spanish += any(sign in sample.casefold() for sign in "ñáíóú")
    if spanish > 1.5 * english:
        return "es"
    return "en" if english > 1.5 * spanish else ""


def _other(words: list[str], spanish: int, english: int) -> str:
    """One of `OTHERS` that has more stop-words here than Spanish and English, and enough that only it has."""
    counts = {code: sum(word in known for word in words) for code, known in OTHERS.items()}
    best = max(counts, key=lambda code: counts[code])
    rivals = [spanish, english, *(count for code, count in counts.items() if code != best)]
    own = {word for word in words if word in _OWN[best]}
    least, ahead = (_LEAST_SHORT, 2.0) if len(words) <= _SHORT else (_LEAST, 1.25)
    return best if counts[best] > ahead * max(rivals) and len(own) >= least else ""


def stream_safe(text: str) -> str:
    """With at most 30 accents on one letter, as no language has: normalisation sorts them in time that grows
    with the square of their number, and nothing else of the process goes on meanwhile.

    Source: Unicode Standard Annex #15, section 13 (Stream-Safe Text Format)."""
    if len(text) <= _ACCENTS or text.isascii() or not any(map(unicodedata.combining, text)):
        return text
    run, kept = 0, list[str]()
    for sign in text:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run <= _ACCENTS:
            kept.append(sign)
    return "".join(kept)


class _Accents(dict[int, int | None]):
    """What `str.translate` makes of a sign; each is looked up once."""

    def __missing__(self, sign: int) -> int | None:
        self[sign] = None if unicodedata.combining(chr(sign)) else sign
        return self[sign]


_PLAIN = _Accents()
_ENYE = "n\u0303"


def fold(word: str) -> str:
    """Lower case without accents ("ñ" counts as a letter of its own)."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", stream_safe(word.casefold()))
    return unicodedata.normalize(
        "NFC", _ENYE.join(part.translate(_PLAIN) for part in decomposed.split(_ENYE))
    )
