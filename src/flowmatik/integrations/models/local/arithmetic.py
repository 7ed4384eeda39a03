"""A question that is nothing but arithmetic becomes an expression for `calculate`, Spanish and English.

    question := {asking word} [unit asked for] expression ["to" unit]

Its words become the calculator's signs; the unit asked for stands behind "->".

A question with any other word is none. What is wrong within the expression, such as a unit that does
not exist, is for the calculator to say.
"""

import re
from dataclasses import dataclass

from flowmatik.integrations.models.local.words import STOP_EN, STOP_ES, fold, language_of

LONGEST = 300
TO = "->"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# As the calculator has it: symbols and what it is called in English | in Spanish, folded.
_UNITS = """
s: s sec secs second seconds | segundo segundos
min: min mins minute minutes | minuto minutos
h: h hour hours | hora horas
day: day days | dia dias
week: week weeks | semana semanas
month: month months | mes meses
year: year years | ano anos
mm: mm millimeter millimeters millimetre millimetres | milimetro milimetros
cm: cm centimeter centimeters centimetre centimetres | centimetro centimetros
m: m meter meters metre metres | metro metros
km: km kilometer kilometers kilometre kilometres | kilometro kilometros
inch: inch inches | pulgada pulgadas
foot: foot feet ft | pie pies
yard: yd yard yards | yarda yardas
mile: mi mile miles | milla millas
cm^2: cm2 |
m^2: m2 |
km^2: km2 |
cm^3: cm3 |
m^3: m3 |
mg: mg milligram milligrams | miligramo miligramos
g: g gram grams | gramo gramos
kg: kg kilo kilos kilogram kilograms | kilogramo kilogramos
tonne: t tonne tonnes | tonelada toneladas
lb: lb lbs |
ounce: oz ounce ounces | onza onzas
ml: ml milliliter milliliters millilitre millilitres | mililitro mililitros
cl: cl |
l: l liter liters litre litres | litro litros
gallon: gallon gallons | galon galones
°C: °c celsius |
°F: °f fahrenheit |
Wh: wh |
kWh: kwh |
W: w |
kW: kw |
byte: byte bytes |
kB: kb |
MB: mb |
GB: gb |
TB: tb |
KiB: kib |
MiB: mib |
GiB: gib |
TiB: tib |
mph: mph |
EUR: € eur euro euros |
USD: $ usd dollar dollars | dolar dolares
"""
_LINES = [re.split(r"[:|]", line) for line in _UNITS.split("\n") if line]
UNITS = {word: unit for unit, *names in _LINES for word in " ".join(names).split()}
_ANY_UNIT = "|".join(map(re.escape, sorted(UNITS)))
_SAID: tuple[tuple[str, str], ...] = (
    (r"(?:percent|per cent|por ?ciento)\b", "%"),
    (r"\*\*|(?:elevado a|to the power of)\b", " ^ "),
    (r"÷|\b(?:divided by|dividid[oa]s? (?:entre|por)|entre)\b", " / "),
    (r"[×·]|\b(?:times|multiplied by|multiplicad[oa]s? por|por)\b|(?<![a-z])x(?= ?[\d(€$])", " * "),
    (r"[−–]|\b(?:minus|menos)\b", " - "),
    (r"\b(?:plus|mas)\b", " + "),
    (r"->|→|\b(?:into|to|in|en|a)\b", f" {TO} "),
    (r"(?<=%)( ?)(?:of|del?)\b", " * "),
    (rf"(?:(?<=[a-z€$])|(?<=m[23])) (?:and|[ye]) (?=[€$]?\d[\d.,]* ?(?:{_ANY_UNIT})(?![a-z]))", " + "),
)
_CONVERTING = _words("convert convierte convertir convierta pasa pasar pasame")
_ASKING_EN = _words(
    "please can could you tell me calculate compute work out what is are s how much many there in the result"
    " value of convert"
)
_ASKING_ES = _words(
    "por favor puedes dime calcula calcular calculame calcule cuanto cuanta cuantos cuantas es son da dan"
    " hace hacen suma suman vale valen cual que el un los las a en resultado valor de hay equivale equivalen"
)
_ASKING = _ASKING_EN | _ASKING_ES | _CONVERTING
_BOTH = {"a", "s", "t"}  # of either language, or units
_ENGLISH = (STOP_EN | _ASKING_EN | _words("plus minus times divided multiplied percent power")) - _BOTH
_SPANISH = (
    (STOP_ES | _ASKING_ES | _words("por ciento entre dividido multiplicado elevado")) - _BOTH
    | (_CONVERTING - {"convert"})
    | {word for *_, names in _LINES for word in names.split()}
)
_KNOWN = frozenset(UNITS.values())
_OPERATORS = ("+", "-", "*", "/", "^")
_HOW_MANY = re.compile(r"\b(?:many|much|cuant[oa]s?)\b")
_BEGINS = re.compile(r"(?<![a-z])(?:[-+−(] ?)*[€$]? ?[.,]?\d")
_FRAME = re.compile(r"[\s¿¡\"'’,:]*(?:(?:[a-z]++[23]?+|°[cf]|[€$/])[\s\"'’,:]*+)*+")
_ENDS = re.compile(r"(?: ?=)?(?:,? (?:please|por favor))?[ ?!.]*$")
_NUMBER = (
    r"(?:\d{1,3}(?:(?: \d{3})+(?:[.,]\d+)?|(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3})+(?:,\d+)?)|\d+[.,]\d+|[.,]?\d+)"
    r"(?![.,]?\d)"
)
_TOKEN = re.compile(
    rf" ?(?:(?P<number>{_NUMBER})|(?P<word>°[cf]\b|[a-z]+[23]?(?![a-z0-9])|[€$])|(->|[-+*/^%()]))"
)
_ADDED_PERCENTAGE = re.compile(rf"(?<=\S) ?[-+] ?\(* ?{_NUMBER} ?%(?! ?[*/])")  # of what, nobody knows
_DATED = re.compile(r"\d-\d\d?-\d|\d[-/]\d\d?[-/]\d\d|\b(?:19|20)\d\d[-–/](?:19|20)\d\d\b")
_BITS = re.compile(r"(?<![A-Za-z])[kKMGT]b\b")  # which differ from bytes by their case alone
_THOUSANDS = {"en": r"[1-9]\d{0,2}(?:,\d{3})+", "es": r"[1-9]\d{0,2}(?:\.\d{3})+"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """What `calculate` is to be asked, and the language of whoever asks."""

    expression: str
    language: str


def translate_arithmetic(question: str) -> Arithmetic | None:
    """None for a question that is anything else."""
    asked = _ENDS.sub("", " ".join(fold(question).split()))
    begins = _BEGINS.search(asked)
    if begins is None or len(question) > LONGEST or _DATED.search(asked) or _BITS.search(question):
        return None
    before, said = asked[: begins.start()], _as_signs(asked[begins.start() :])
    frame = re.findall(r"°?[a-z]+[23]?|[€$]", before)
    wanted = [word for word in frame if word in UNITS and word not in _ASKING]
    strange = any(word not in _ASKING and word not in UNITS for word in frame)
    if strange or not _FRAME.fullmatch(before) or (wanted and not _HOW_MANY.search(before)):
        return None
    language = _language(question, asked)
    tokens = _tokens(said, language)
    if wanted:
        tokens += [TO, *" / ".join(UNITS[word] for word in wanted).split()]
    if _ADDED_PERCENTAGE.search(said) or not _is_sum(tokens, not _CONVERTING.isdisjoint(frame)):
        return None
    return Arithmetic(expression=_written(tokens), language=language)


def _as_signs(text: str) -> str:
    for words, sign in _SAID:
        text = re.sub(words, sign, text)
    return " ".join(text.split())


def _language(question: str, asked: str) -> str:
    words = re.findall(r"[a-z]+", asked)
    spanish, english = (sum(word in known for word in words) for known in (_SPANISH, _ENGLISH))
    return "es" if language_of(question) == "es" or spanish > english else "en"


def _tokens(text: str, language: str) -> list[str]:
    """Numbers, units and signs as the calculator has them; none if anything else stands there."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return []
        if token["number"]:
            tokens.append(_number(token["number"].replace(" ", ""), language))
        else:
            word = token[0].strip()
            tokens.append(UNITS.get(word, word))
        at = token.end()
    for n, token in enumerate(tokens[:-1]):
        if token in ("EUR", "USD") and _is_number(tokens[n + 1]):  # $5 is 5 $
            tokens[n], tokens[n + 1] = tokens[n + 1], token
    return tokens


def _number(text: str, language: str) -> str:
    """With a decimal point and no other sign."""
    marks = re.findall(r"[.,]", text)
    if len(set(marks)) == 2:
        text = text.replace(marks[0], "")
    elif len(marks) > 1 or re.fullmatch(_THOUSANDS[language], text):
        return re.sub(r"[.,]", "", text)
    return re.sub(r"^\.", "0.", text.replace(",", "."))


def _is_sum(tokens: list[str], converting: bool) -> bool:
    """Whether there is something to calculate: an operation on numbers, or a conversion. A unit that
    nobody knows may stand where a conversion is ordered, beside one that is known."""
    at = tokens.index(TO) if TO in tokens else len(tokens)
    said, target = tokens[:at], tokens[at + 1 :]
    numbers = [n for n, token in enumerate(said) if _is_number(token) and not _is_power(said, n)]
    units = [token for token in said if _is_unit(token)]
    unknown = [token for token in (*units, *target) if _is_unit(token) and token not in _KNOWN]
    if unknown and not (converting and len(said) == 2 and len(target) == 1 and len(unknown) == 1):
        return False
    if TO in tokens:
        return bool(numbers and units and target) and not any(_is_number(token) for token in target)
    return len(numbers) > 1 and any(token in _OPERATORS for token in said)


def _is_number(token: str) -> bool:
    return token[0].isdigit()


def _is_unit(token: str) -> bool:
    return token[0].isalpha() or token[0] == "°"


def _is_power(tokens: list[str], n: int) -> bool:
    """Whether it is that of a unit: m^2."""
    return n > 1 and tokens[n - 1] == "^" and _is_unit(tokens[n - 2])


def _written(tokens: list[str]) -> str:
    text = ""
    for n, token in enumerate(tokens):
        signed = n > 0 and tokens[n - 1] in ("-", "+") and (n == 1 or tokens[n - 2] in (*_OPERATORS, "("))
        text += token if token in (")", "%") or text.endswith("(") or signed else f" {token}"
    return text.strip()
