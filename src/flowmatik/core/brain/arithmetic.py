"""Whether a question is nothing but arithmetic: one expression in a frame that asks for it.

Spanish and English, with percentages and units. What it comes to is for whoever answers it to read; here
it is only told from questions that need a document or a table, by every word that it has. What is known
here is part of what a decision version decides.
"""

import re

from flowmatik.core.state import RunState
from flowmatik.kernel.patterns import pattern

CALCULATES = 4  # the decision version from which such questions go to whoever can calculate
LONGEST = 300
_NUMBER = (
    r"(?:\d{1,3}(?:(?: \d{3})+(?:[.,]\d+)?|(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3})+(?:,\d+)?)|\d+[.,]\d+|[.,]?\d+)"
    r"(?![.,]?\d)"
)
_UNIT = (
    r"seconds?|secs?|segundos?|s|minutes?|minutos?|mins?|hours?|horas?|h|days?|dias?|weeks?|semanas?"
    r"|months?|mes(?:es)?|years?|anos?"
    r"|(?:kilo|centi|mili|milli)?met(?:er|re|ro)s?|km2|m2|cm2|m3|cm3|km|cm|mm|m"
    r"|inch(?:es)?|pulgadas?|foot|feet|ft|pies?|yards?|yardas?|yd|miles?|millas?|mi"
    r"|(?:kilo|mili|milli)?gram(?:o?s?)|kilos?|kg|mg|g|tonnes?|toneladas?|t|lbs?"  # pounds may be money
    r"|ounces?|onzas?|oz|(?:mili|milli)?lit(?:er|re|ro)s?|ml|cl|l|gallons?|galon(?:es)?"
    r"|°c|°f|celsius|fahrenheit|kwh|wh|kw|w|bytes?|kb|mb|gb|tb|kib|mib|gib|tib|mph"
    r"|euros?|eur|dollars?|dolar(?:es)?|usd"
)
_UNITS = rf"(?:{_UNIT}|[€$])(?: ?/ ?(?:{_UNIT}))?"
_KINDS = (
    ("n", _NUMBER),
    ("c", r"[€$]"),
    ("%", r"%|(?:percent|per cent|por ?ciento)\b"),
    ("^", r"\*\*|\^|(?:elevado a|to the power of)\b"),
    ("/", r"[/÷]|(?:divided by|dividid[oa]s? (?:entre|por)|entre)\b"),
    ("t", r"->|→|(?:into|to|in|en|a)\b"),
    ("+", r"[-+−–]|(?:plus|minus|mas|menos)\b"),
    ("*", r"[*×·]|(?:times|multiplied by|multiplicad[oa]s? por|por)\b|x(?= ?[\d(€$])"),
    ("f", r"(?:of|del?)\b"),
    ("&", r"(?:and|[ye])\b"),
    ("u", rf"(?:{_UNIT})(?![a-z0-9])"),
    ("(", r"\("),
    (")", r"\)"),
)
_TOKEN = pattern(" ?(?:" + "|".join(f"({kind})" for _, kind in _KINDS) + ")")
_MEASURE = r"[uc](?:\^n)?(?:/[uc](?:\^n)?)*"
_OPERAND = rf"\(*+(?:\+\(*+)?c?n(?:%|{_MEASURE})?(?:\)++(?:%|{_MEASURE})?)?"
_MORE = (
    rf"(?:(?:[+*/]|(?<![uc])(?<!cn)\^|(?<=%)f|(?<=[uc])&(?=c?n[uc])){_OPERAND})"  # 20 % of 50, 3 h and 20 min
)
_EXPRESSION = pattern(rf"(?P<said>{_OPERAND}(?P<more>{_MORE}*))(?P<to>t{_MEASURE})?")
_ADDED_PERCENTAGE = pattern(r"(?<=.)\+\(*n%(?![f*/])")  # 100 + 21 %: of what, people do not agree
_PLEASE = r"(?:(?:please|por favor|can you|could you|tell me|dime|puedes)\b[ ,:]*)*"
_CALCULATE = pattern(
    rf"{_PLEASE}(?:(?:calculate|compute|work out|calcula(?:r|me)?|calcule|what(?: is| are|['’]s)"
    r"|how (?:much|many) (?:is|are)|cuant[oa]s? (?:es|son|dan?|hacen?|suman|valen?)|cual es|que da)\b[ :]*)?"
    r"(?:(?:the|el) (?:result|value|resultado|valor) (?:of|de)\b ?)?(?:(?:the|el|un|los|las) (?=[\d(]))?"
)
_CONVERT = pattern(rf"{_PLEASE}(?:convert|convierte|convertir|convierta|pasa(?:r|me)?)\b ?")
_HOW_MANY = pattern(
    rf"{_PLEASE}(?:how many|how much|(?:a )?cuant[oa]s?) {_UNITS} "
    r"(?:(?:are|is)(?: there)?(?: in)?|in|son|es|hay en|hacen?|equivalen?(?: a)?) "
)
_UNKNOWN_UNIT = pattern(rf"(?:{_NUMBER}) ?(?:({_UNITS})|[a-z]+) (?:to|into|in|a|en) (?:({_UNITS})|[a-z]+)")
_CLOSE = pattern(r"(?: ?=)?(?:,? (?:please|por favor))?[ ?!.]*$")
# Days, and years from one to another: as figures of a subtraction nobody writes them.
_DATED = pattern(r"\b\d{4}-\d\d?-\d\d?\b|\b\d\d?[-/]\d\d?[-/]\d{2,4}\b|\b(?:19|20)\d\d[-–/](?:19|20)\d\d\b")
_BITS = pattern(r"(?<![A-Za-z])[kKMGT]b\b")  # which differ from bytes by their case alone


def is_calculation(question: str, plain: str) -> bool:
    """`plain` is the question in lower case without accents."""
    if len(question) > LONGEST or _DATED.search(plain) or _BITS.search(question):
        return False
    asked = _CLOSE.sub("", " ".join(plain.split()).lstrip(' ¿¡"'))
    if many := _HOW_MANY.match(asked):
        said = _expression(asked[many.end() :])
        return said is not None and said["to"] is None and _has_unit(said["said"])
    if order := _CONVERT.match(asked):
        said = _expression(asked[order.end() :])
        unknown = _UNKNOWN_UNIT.fullmatch(asked, order.end())
        return _converts(said) or (unknown is not None and any(unknown.groups()))
    frame = _CALCULATE.match(asked)
    said = _expression(asked[frame.end() :]) if frame else None
    return said is not None and (_converts(said) or (bool(said["more"]) and said["to"] is None))


def _expression(text: str) -> re.Match[str] | None:
    """Its shape, a letter for each word or sign; None if anything else stands there."""
    shape, at = "", 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token.lastindex is None:
            return None
        shape += _KINDS[token.lastindex - 1][0]
        at = token.end()
    return None if _ADDED_PERCENTAGE.search(shape) else _EXPRESSION.fullmatch(shape)


def _converts(said: re.Match[str] | None) -> bool:
    return said is not None and said["to"] is not None and _has_unit(said["said"])


def _has_unit(shape: str) -> bool:
    return "u" in shape or "c" in shape


def calculates(state: RunState) -> bool:
    """Whether the agent that gets what is for the tables can do arithmetic."""
    known = state.created.decision_version >= CALCULATES
    agent = next((a for a in state.created.agents if "tables" in a.skills), None)
    return known and agent is not None and "calculate" in agent.tools
