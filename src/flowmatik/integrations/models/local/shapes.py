"""What kind of thing a question asks for, and where a text says something of that kind.

Spanish and English; patterns match folded text, names match the text as it is written.
"""

import re
from collections.abc import Iterable

from flowmatik.integrations.models.local.words import flat, fold

_UNIT = (
    r"days?|weeks?|months?|years?|hours?|minutes?|seconds?|century|centuries|decades?"
    r"|dias?|semanas?|mes(?:es)?|anos?|horas?|minutos?|segundos?|siglos?|decadas?"
)
_NUMBER = (
    r"(?:\d[\d.,]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|dozens?|hundreds?|thousands?|millions?|half|third|quarter|twice"
    r"|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince|dieciseis"
    r"|diecisiete|dieciocho|diecinueve|veinte|treinta|cuarenta|cincuenta"
    r"|sesenta|setenta|ochenta|noventa|cien|cientos|mil|miles|millones|mitad|tercio|cuarto|docenas?)\b)"
)
_CALENDAR = (
    r"january|february|march|april|may|june|july|august|september|october|november|december"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|lunes|martes|miercoles|jueves|viernes|sabado|domingo"
)
_COIN = (
    r"(?:[€$£¥]|\b(?:eur(?:os?)?|usd|gbp|dollars?|dolar(?:es)?|pounds?|libras?|cents?|centimos?|pesetas?|pesos?"
    r"|francs?|francos?|marks?|marcos?|florins?|florines|rupees?|rupias?|yen(?:es)?|yuan(?:es)?)\b)"
)
_SIZE = (
    r"(?:kg|km|cm|mm|m|g|l|wh|kwh|mah|kilo\w*|met(?:er|re|ro)s?|lit(?:er|re|ro)s?|miles|millas?|grad\w+"
    r"|degrees?)\b"
)
_SAID: dict[str, re.Pattern[str]] = {
    "money": re.compile(
        rf"{_COIN}\s?\d[\d.,]*|{_NUMBER}(?:\s(?:million|billion|millones|mil)(?: de)?)?\s?{_COIN}"
        rf"|{_NUMBER}\s*(?:%|per ?cent|por ciento)"
    ),
    "count": re.compile(
        rf"(?<![\d.,:–-])(?!(?<=\b[ei]n )(?:1\d|20)\d\d\b){_NUMBER}"
        rf"(?![\d:]|[.,]\d|[\s-]*(?:{_COIN}|%|°|per ?cent|por ciento|{_SIZE}"
        rf"|(?:\w+ )?(?:{_UNIT}|{_CALENDAR})\b|(?:de|of) (?:{_CALENDAR})\b))"
    ),
    "role": re.compile(
        r"(?<=[a-z])(?:\*\*)?\s*(?:[,(]|:(?!\*)|\b(?:is|was|are|were|es|era|fue|son|eran)\b)\s*[^.;]{3,40}"
    ),
    "steps": re.compile(
        r"\b(?:must|should|shall|have to|has to|need to|do not|don't|never|call|tell|make|stop|leave|keep"
        r"|debe[ns]?|deberia\w*|hay que|tienen? que|no \w+[ea]s|nunca|llama\w*|avisa\w*|pulsa\w*"
        r"|se \w+[ae]n?)\b"
    ),
    "duration": re.compile(
        rf"{_NUMBER}[^.;]{{0,25}}?\b(?:{_UNIT})\b"
        r"|\b(?:daily|weekly|monthly|yearly|annual|diari[oa]|semanal|mensual|anual)"
    ),
    "time": re.compile(
        r"\b\d{1,2}[:.h]\d{2}\b|\b1\d{3}s?\b|\b20\d{2}\b|\b\d{3}\b|\b\d+(?:st|nd|rd|th)\b"
        rf"|\b(?:at|by|until|from|a las?|desde las?|hasta las?) {_NUMBER}|\b(?:{_CALENDAR})\b"
        r"|\b(?:century|siglo)\b|\b(?:b\.?c|a\.?d|a\. ?c|d\. ?c)\b"
    ),
    "share": re.compile(
        rf"{_NUMBER}\s*(?:%|per ?cent|por ciento)|\b(?:half|third|quarter|mitad|tercio|cuarto|major)"
    ),
    "amount": re.compile(_NUMBER),
}
_KINDS: tuple[tuple[str, str], ...] = (
    (
        "duration",
        r"\b(?:how (?:long|soon|often|quickly|rapidly)|cuanto (?:tiempo|tarda|dura|duro|duraron)"
        r"|cada cuanto|antelacion|plazo|(?:con )?que rapidez"
        rf"|(?:how many|cuant[oa]s) (?:(?:working|business|calendar|full) )?(?:{_UNIT}))\b",
    ),
    (
        "money",
        r"\b(?:how much|cuanto)\b.*\b(?:cost|costs|price|fees?|pay|pays|paid|charged?|charges|earns?"
        r"|salary|wages?|rent|worth|allowance|deposit|cuestan?|costo|costaba|costara|precio|vale[n]?|pag[ao][nr]?|pagamos|pagara"
        r"|cobra[nr]?|cobramos|ganan?|tarifa|sueldo|salario|alquiler|fianza|multa)\b"
        r"|\bhow much (?:is|are|was|were) (?:an?|the|one|this|that)\b"
        r"|\b(?:what|which|que|cual(?:es)?)(?: (?:is|are|was|were|es|son|era|fue|tiene))?(?: (?:the|el|la))?"
        r" (?:\w+ )?(?:price|cost|fee|salary|wage|rent|deposit|precio|coste|tarifa|sueldo|salario"
        r"|alquiler|fianza)\b",
    ),
    (
        "time",
        r"\b(?:when|cuando|(?:what|which|que) (?:days|hours|dias|horas)"
        r"|(?:what|which|que|cual) (?:(?:was|is|fue|era|es) )?(?:(?:the|el|la) )?"
        r"(?:year|date|month|day|century|decade|time|ano|fecha|mes|dia|siglo|decada|hora))\b",
    ),
    ("count", rf"\b(?:how many|cuant[oa]s) (?!of\b|de\b|(?:\w+ )?(?:{_SIZE}|{_COIN}))"),
    ("share", r"\b(?:percent(?:age)?|proportion|fraction|porcentaje|proporcion|fraccion)\b"),
    (
        "amount",
        r"\b(?:how (?:many|much|large|big|high|far|old|tall|deep|fast|heavy|wide|hot|cold)|cuant[oa]s?"
        r"|number of|what (?:is|was) the (?:population|number|size|height|length|depth|temperature|distance"
        r"|area|total|average)"
        r"|(?:que|cual (?:es|era|fue) (?:el|la)) (?:poblacion|numero|cantidad|altura|tamano|longitud"
        r"|distancia|profundidad|temperatura|edad|total|promedio|media))\b",
    ),
    ("person", r"\b(?:who|whom|whose|quien|quienes)\b"),
    (
        "place",
        r"\b(?:where|donde|(?:what|which|que) (?:city|cities|country|countries|state|town|place|region"
        r"|continent|river|island|county|ciudad|ciudades|pais|paises|estado|lugar|region|continente|rio"
        r"|isla|condado))\b",
    ),
)
_WHO_IS = re.compile(r"(?i:\bwho(?:'s| is| was)|\bqui[eé]n (?:es|era|fue)) (?=[A-ZÁÉÍÓÚÑ]\S+ [A-ZÁÉÍÓÚÑ])")
_STEPS = re.compile(
    r"\bwhat (?:should|must|shall|do|can) (?:i|we|you|one) do\b|\bwhat to do\b|\bwhat has to be done\b"
    r"|\bque (?:hago|hacemos|se hace|(?:debo|debemos|hay que|tengo que|tenemos que) hacer)\b"
)
QUESTION_WORD = re.compile(
    r"\b(?:wh(?:at|ich|om?|ose|en|ere|y)|how|que|cual(?:es)?|quien(?:es)?|cuando|donde|cuant[oa]s?|como)\b"
)
_OTHER = re.compile(r"\b(?:what|which|how|why|qué|cuál|cuáles|cómo|cuánto|cuánta|cuántos|cuántas)\b")
_BARE = re.compile(r"when|cuando|who|whom|whose|quien|quienes|where|donde")
_CAPITAL = r"(?:[A-ZÁÉÍÓÚÑ][\w'’-]+|[A-ZÁÉÍÓÚÑ]\.)"
_NAME = re.compile(rf"{_CAPITAL}(?:\s+(?:(?:de|del|of|the|la|von|van|y|and|los|las|el)\s+)*{_CAPITAL})*")
_ROLE = re.compile(
    r"\b(?:director|manager|head|lead|officer|responsable|jef[ea]|gerente|encargad[oa]|president|king|queen"
    r"|rey|reina|scientist|cientific[oa]|people|member|miembro|student|estudiante|worker|trabajador"
    r"|governor|gobernador|minister|ministr[oa])\w*"
)


def kind_of(question: str) -> str:
    """ "duration", "money", "time", "count", "share", "amount", "person", "place", "role" (who somebody is),
    "steps" (what to do), or "" when it may be anything."""
    folded = fold(question)
    if _WHO_IS.search(question):
        return "role"
    if _STEPS.search(folded):
        return "steps"
    other = _OTHER.search(question.lower())
    for kind, asks in _KINDS:
        match = re.search(asks, folded)
        # "What happens when …" asks for no time: what it asks stands first.
        inner = match and other and other.start() < match.start()
        if match and not (inner and (kind == "count" or _BARE.fullmatch(match[0]))):
            return kind
    return ""


def said(kind: str, text: str) -> list[tuple[int, int]]:
    """Where `text` names something of this kind."""
    if kind not in ("person", "place"):
        return _spans(_SAID[kind].finditer(flat(text))) if kind else []
    names = _spans(_NAME.finditer(text))
    # The first word of a sentence may have its capital for being first.
    found = [(a, b) for a, b in names if a > 1 or " " in text[a:b]]
    return found + (_spans(_ROLE.finditer(flat(text))) if kind == "person" else [])


def _spans(matches: Iterable[re.Match[str]]) -> list[tuple[int, int]]:
    return [match.span() for match in matches]
