"""The planner that needs no model: splits a goal into questions and finds each its skill.

A part of a goal that asks for an aggregate (how many, total, average, highest …) over something
that a table's name or columns speak of goes to the tables, as does one that asks for the first of
a ranking or for a row (`ranking`); so does one that is nothing but arithmetic, for who computes
from tables calculates, too. Every other part goes to the documents. Spanish and English.
"""

import re
import unicodedata
from typing import Any, cast

from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.core.brain import arithmetic, ranking

_ASKS = (
    "how|what|which|who|whose|whom|when|where|why|list|count|sum|compare|give|tell|find|calculate|compute"
    "|is|are|do|does|did|como|que|cual|cuales|quien|quienes|cuando|donde|por que|cuanto|cuanta|cuantos"
    "|cuantas|dime|lista|cuenta|suma|calcula|busca|a que|con que|con cuanta|con cuanto|de que|en que"
    "|hasta cuando|desde cuando"
)
_JOINT = re.compile(rf"(?:,\s*)?\b(?:and|y|e)\s+(?=[¿]?(?:{_ASKS})\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.?!;])\s+(?=[¿¡A-ZÁÉÍÓÚÑ])|(?<=\?)\s*(?=¿)")
_AGGREGATE = re.compile(
    r"\b(how many|number of|count|total|sum|average|mean|median|highest|lowest|fewest|maximum"
    r"|minimum|top|cuant[oa]s|numero de|total|suma|sumar?|promedio|media|medio|maxim[oa]|minim[oa]"
    r"|mayor(?:es)?|menor(?:es)?|mas alt[oa]s?|mas baj[oa]s?)\b"
)
# What the same business word is called in the other language; words of trade, not of any data set.
_SYNONYMS = (
    ("order", "pedido"),
    ("ticket", "incidencia", "caso"),
    ("customer", "client"),
    ("sale", "vent"),
    ("invoice", "factur"),
    ("product", "articul"),
    ("quantity", "cantidad", "unit", "unidad"),
    ("amount", "import", "total", "revenue", "ingres", "factura"),
    ("price", "preci"),
    ("hour", "hora", "time", "tiemp"),
    ("cost", "coste", "gast"),
    ("country", "pais"),
    ("employee", "empleado"),
    ("payment", "pago"),
    ("supplier", "proveedor"),
    ("consumption", "consum"),
    ("plant", "plant"),
    ("status", "estad"),
    ("resolution", "resolu"),
    ("satisfaction", "satisfac"),
    ("severity", "severidad", "gravedad"),
)
_RANKED = (  # of rankings only, which came later
    ("population", "habitant", "inhabit", "poblacion"),
    ("city", "ciudad"),
    ("salary", "sueldo", "salario", "earn", "gana", "cobra"),
    ("amount", "total", "import", "spent", "spend", "gast"),
    ("weight", "peso", "heav", "pesad"),
    ("price", "preci", "expensive", "cheap", "caro", "cara", "barat"),
    ("agent", "agente"),
    ("name", "nombre"),
)


def plain(text: str) -> str:
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def split_goal(goal: str) -> list[str]:
    """The questions in a goal, in order; never empty for a goal with text."""
    parts: list[str] = []
    for sentence in _SENTENCE.split(goal.strip()):
        start = 0
        folded = plain(sentence)
        if len(folded) != len(sentence):
            folded = sentence.lower()
        for joint in _JOINT.finditer(folded):
            parts.append(sentence[start : joint.start()])
            start = joint.end()
        parts.append(sentence[start:])
    cleaned = [part.strip(" ,;") for part in parts]
    return [part for part in cleaned if len(part) > 2] or [goal.strip()]


def plan(
    goal: str, recalled_tables: dict[str, Any], *, calculates: bool = False, ranks: bool = False
) -> Plan:
    """The plan for `goal`, given what `tables_describe` said at recall. `calculates`: whoever has the
    tables does arithmetic without them. `ranks`: rankings and rows are asked of the tables, too."""
    tables = cast("list[dict[str, Any]]", recalled_tables.get("tables") or [])
    words = table_words(tables)
    parts = split_goal(goal)
    kinds = [_kind(part, words, calculates) for part in parts]
    if ranks:
        kinds = [
            "tables" if kind == "documents" and asks_for_rows(part, tables) else kind
            for part, kind in zip(parts, kinds, strict=True)
        ]
    tasks = tuple(
        PlanTask(id=f"t{n}", objective=part, skill="documents" if kind == "documents" else "tables")
        for n, (part, kind) in enumerate(zip(parts, kinds, strict=True), 1)
    )
    counts = {kind: kinds.count(kind) for kind in ("documents", "tables", "calculations")}
    reason = f"{len(tasks)} question(s): {counts['documents']} for documents, {counts['tables']} for tables"
    if counts["calculations"]:
        reason += f", {counts['calculations']} to calculate"
    else:
        del counts["calculations"]
    values = {"questions": len(tasks), **counts}
    return Plan(planner="local", tasks=tasks, reason=reason, code="questions", values=values)


def _kind(part: str, words: set[str], calculates: bool) -> str:
    if calculates and is_calculation(part):
        return "calculations"
    return "tables" if is_about_tables(part, words) else "documents"


def asks_for_rows(part: str, tables: list[dict[str, Any]]) -> bool:
    """Whether a part asks for the first of a ranking or for one row."""
    words = table_words(tables, more=_RANKED)
    folded = plain(part)

    def names_table(text: str) -> bool:
        return _names(text, words)

    return ranking.is_ranking(folded, names_table) or ranking.is_row(folded, tables, names_table)


def is_calculation(question: str) -> bool:
    return arithmetic.is_calculation(question, plain(question))


def table_words(tables: list[dict[str, Any]], more: tuple[tuple[str, ...], ...] = ()) -> set[str]:
    """Stems that speak of the tables at hand: their names and columns, in both languages."""
    words: set[str] = set()
    for table in tables:
        names = [str(table["name"]).rsplit(".", 1)[0], *(str(c["name"]) for c in table["columns"])]
        for name in names:
            words.update(_stem(word) for word in re.findall(r"[a-z]{3,}", plain(name)))
    for group in (*_SYNONYMS, *more):
        if any(
            word.startswith(stem) or stem.startswith(word)
            for word in words
            for stem in group
            if len(word) > 3
        ):
            words.update(group)
    return words


def is_about_tables(question: str, words: set[str]) -> bool:
    folded = plain(question)
    return bool(words) and _AGGREGATE.search(folded) is not None and _names(folded, words)


def _names(folded: str, words: set[str]) -> bool:
    """Whether a word of the question speaks of the tables."""
    asked = [_stem(word) for word in re.findall(r"[a-z]{3,}", folded)]
    return any(
        a.startswith(w) or (len(a) > 4 and w.startswith(a)) for a in asked for w in words if len(w) > 3
    )


def _stem(word: str) -> str:
    for ending in ("es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 3:
            return word[: -len(ending)]
    return word
