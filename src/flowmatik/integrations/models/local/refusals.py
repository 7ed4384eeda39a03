"""Why a table does not answer, by name, in Spanish and English, with what can be asked instead; and why
something cannot be calculated."""

import re
from typing import Any

MOST_NAMES = 6
_WHY = {
    "no_tables": ("no hay tablas", "there are no tables"),
    "words": ("no entiendo {words}", "I do not understand {words}"),
    "no_table": ("ninguna tabla habla de ello (hay {names})", "no table speaks of it (there is {names})"),
    "no_aggregate": ("no pide ninguna cuenta", "it asks for no figure that I compute"),
    "no_dates": ("la tabla no tiene columna de fechas", "the table has no date column"),
    "no_numbers": ("la tabla no tiene columna de números", "the table has no column of numbers"),
    "measure": (
        "no nombra ninguna columna de números (hay {names})",
        "it names no column of numbers (there is {names})",
    ),
    "range": ("el intervalo {what} acaba antes de empezar", "the range {what} ends before it begins"),
    "month": ("el mes {what} no lleva año", "the month {what} has no year"),
    "column": (
        "no nombra ninguna columna de la fila (hay {names})",
        "it names no column of the row (there is {names})",
    ),
    "several": ("hay varias filas así", "there are several such rows"),
    "no_rows": ("ninguna fila coincide", "no rows match"),
    "failed": ("la consulta falló", "the query failed"),
    "zero": ("es una división por cero", "it is a division by zero"),
    "unit": ("no conozco la unidad {what}", "I do not know the unit {what}"),
    "units": ("las unidades no casan", "the units do not go together"),
    "large": ("el resultado es demasiado grande", "the result is too large"),
    "unread": ("la expresión no se entiende", "the expression cannot be read"),
}
# What the calculator says of it, in English.
_FAULTS = (
    (re.compile(r"division by zero"), "zero"),
    (re.compile(r"'(?P<what>[^']+)' is not defined in the unit registry"), "unit"),
    (re.compile(r"units do not go together|offset unit"), "units"),
    (re.compile(r"too large|exponent must"), "large"),
)
_SAID = ("Las tablas no responden a esto: {why}.", "The tables do not answer this: {why}.")
_CANNOT = ("No puedo calcular {what}: {why}.", "I cannot calculate {what}: {why}.")
_CAN = (
    " Puedo contar, sumar y dar la media, el mínimo o el máximo de una columna, por grupos, por valores o"
    " por fechas.",
    " I can count, sum and give the mean, minimum or maximum of a column, by group, by value or by date.",
)
_PLAIN = ("no_rows", "several", "failed", "no_tables")  # there, other words would not help


class NotUnderstood(ValueError):
    """The question is outside the grammar: `code` says why, `values` name the part."""

    def __init__(self, code: str, **values: Any) -> None:
        self.code, self.values = code, values
        super().__init__(why(self, "en"))

    def with_words(self, written: dict[str, str]) -> "NotUnderstood":
        """With each folded word as `written` has it."""
        if self.code != "words":
            return self
        words = tuple(written.get(word, word) for word in self.values["words"])
        return NotUnderstood("words", words=words)


def why(refusal: NotUnderstood, language: str) -> str:
    return _WHY[refusal.code][language == "en"].format(
        **{name: _said(value, name == "words", language) for name, value in refusal.values.items()}
    )


def _said(value: str | tuple[str, ...], quoted: bool, language: str) -> str:
    if isinstance(value, str):
        return _quoted(value, language)
    shown = [_quoted(one, language) if quoted else one for one in value[:MOST_NAMES]]
    return ", ".join(shown) + (" …" if len(value) > MOST_NAMES else "")


def _quoted(text: str, language: str) -> str:
    return f"«{text}»" if language == "es" else f"“{text}”"


def refused(refusal: NotUnderstood, language: str) -> dict[str, Any]:
    """A finding that nothing was found, and why."""
    which = language == "en"
    can = "" if refusal.code in _PLAIN else _CAN[which]
    return {"found": False, "text": _SAID[which].format(why=why(refusal, language)) + can, "citations": []}


def not_calculated(expression: str, error: str, language: str) -> dict[str, Any]:
    """A finding that `expression` gives nothing, for the `error` that the calculator told."""
    found = ((pattern.search(error), code) for pattern, code in _FAULTS)
    match, code = next(((match, code) for match, code in found if match), (None, "unread"))
    refusal = NotUnderstood(code, **(match.groupdict() if match else {}))
    said = _CANNOT[language == "en"].format(what=_quoted(expression, language), why=why(refusal, language))
    return {"found": False, "text": said, "citations": []}


def is_refusal(text: str) -> bool:
    return text.startswith(tuple(said.partition("{")[0] for said in (*_SAID, *_CANNOT)))
