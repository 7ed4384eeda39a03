"""The words of the table grammar, Spanish and English: trade vocabulary, of no data set."""

from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


AGGREGATES: tuple[tuple[str, str], ...] = (
    ("count", r"\b(?:how many|number of|count(?: of)?|cuant[oa]s|numero de|cantidad de)\b(?= (?!total))"),
    ("max", r"\b(?:highest|largest|biggest|greatest|maximum|max|most expensive|top(?: \d+)?|best"
            r"|heaviest|tallest|longest|dearest|most populous|mas (?:alt|car|pesad|larg|poblad)[oa]s?"
            r"|maxim[oa]s?|mayor(?:es)?|mejor(?:es)?|mas grandes?|most|mas)\b"),
    ("min", r"\b(?:lowest|smallest|minimum|min|cheapest|lightest|fewest|least|worst"
            r"|mas (?:baj|barat|liger)[oa]s?|minim[oa]s?|menor(?:es)?|peor(?:es)?|menos)\b"),
    ("mean", r"\b(?:average|mean|on average|promedio|medi[oa]|de media)\b"),
    ("sum", r"\b(?:total(?:es)?|sum(?: of)?|suma(?: de)?|en total|altogether)\b"),
)  # fmt: skip
# Said of a filter, these turn it round or compare it; the grammar has neither, and must not drop them.
OUTSIDE = (
    r"\b(?:not|n't|never|except|excluding|without|nor|neither|no|nunca|sin|salvo|excepto|excluyendo|ni)\b"
    r"|\b(?:more|less|fewer|greater|higher|lower|larger|smaller) than\b|\b(?:at least|at most)\b"
    r"|\b(?:over|under|above|below|exceeding)\s+\d[\d.,]*"
    r"|\b(?:mas|menos|mayor(?:es)?|menor(?:es)?) (?:de|que)\s+\d[\d.,]*"
    r"|\b(?:al menos|como minimo|como maximo|superior(?:es)? a|inferior(?:es)? a"
    r"|por encima de|por debajo de)\b"
    r"|[<>=]"
)
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january enero", "february febrero", "march marzo", "april abril", "may mayo", "june junio",
            "july julio", "august agosto", "september septiembre setiembre", "october octubre",
            "november noviembre", "december diciembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
NUMBERS = {
    word: number
    for number, words in enumerate(
        ("one un una uno", "two dos", "three tres", "four cuatro", "five cinco", "six seis", "seven siete",
         "eight ocho", "nine nueve", "ten diez"),
        1,
    )
    for word in words.split()
}  # fmt: skip
# Each line is one notion; words are matched by their beginnings.
_NOTIONS: tuple[tuple[str, ...], ...] = (
    ("order", "pedid", "encarg"),
    ("ticket", "incidenci", "caso"),
    ("customer", "client"),
    ("sale", "sold", "sell", "vent", "vendi"),
    ("invoice", "factur"),
    ("product", "articul", "producto"),
    ("quantit", "cantidad", "unit", "unidad", "qty"),
    ("total", "amount", "import", "revenue", "ingres", "sum", "value", "valor"),
    ("price", "preci"),
    ("hour", "hora", "time", "tiempo", "duration", "duracion"),
    ("cost", "gasto", "expens"),
    ("country", "countries", "pais"),
    ("city", "cities", "ciudad"),
    ("employee", "emplead", "agent", "agente", "tecnic", "technician"),
    ("payment", "pago"),
    ("supplier", "proveedor"),
    ("consum", "usage"),
    ("plant", "factory", "factories", "fabrica"),
    ("line", "linea"),
    ("status", "state", "estado"),
    ("open", "abri", "abier", "apertur"),
    ("clos", "cerr", "cierre"),
    ("resol", "solv"),
    ("satisf", "rating", "valoraci", "puntuaci"),
    ("sever", "gravedad", "priorit", "prioridad"),
    ("categor", "tipo", "type", "kind"),
    ("date", "fecha", "day", "dia"),
    ("month", "mes"),
    ("year", "ano"),
    ("weight", "peso"),
    ("warehouse", "almacen"),
    ("stock", "existencia", "inventari"),
    ("deliver", "entreg"),
    ("cancel", "anul"),
    ("return", "devol", "devuel"),
    ("depart", "area"),
    ("name", "nombre"),
    ("pending", "pendient", "outstanding", "awaiting"),
    ("paid", "pagad", "abonad"),
    ("unpaid", "impagad"),
    ("sent", "shipped", "enviad"),
    ("active", "activ"),
    ("finish", "complet", "done", "terminad", "acabad"),
    ("approv", "aprob", "acept", "accept"),
    ("reject", "rechaz", "deneg", "denied"),
    ("draft", "borrador"),
    ("block", "bloquea"),
    ("assign", "asigna"),
    ("inhabit", "population", "habitant", "poblacion"),
    ("salar", "sueldo", "wage"),
    ("height", "altura", "alto"),
    ("length", "longitud", "largo"),
    ("area", "surface", "superficie"),
)
# What a verb or a superlative measures: the first of these that a column of numbers is.
MEASURED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"spent|spends?|spending|gast(?:o|a|an|aron|ado)|compr(?:o|a|an|aron)|bought|buys?",
     ("amount", "cost", "price", "payment")),
    (r"earns?|earned|gana|ganan|gano|cobra|cobran|cobro", ("salary", "income", "amount")),
    (r"weighs?|weighed|pesa|pesan|heaviest|mas pesad[oa]s?|lightest|mas liger[oa]s?", ("weight",)),
    (r"costs?|cuestan?|costo|most expensive|cheapest|mas car[oa]s?|mas barat[oa]s?|dearest",
     ("amount", "price", "cost")),
    (r"most populous|mas poblad[oa]s?", ("population",)),
    (r"tallest|highest|mas alt[oa]s?", ("height",)),
    (r"longest|mas larg[oa]s?", ("length", "duration")),
)  # fmt: skip
# Verbs and fillers that change nothing in a question over a table: whole words, and beginnings of words.
_FILLERS = _set(
    "had were was made place placed happened occurred altogether all our euro euros eur usd dollar dollars "
    "dolar dolares table tabla row rows fila filas entries entry entrada entradas tell show list lista "
    "muestra dime number numero value valor total sum suma average mean media medio promedio hubo tuvo "
    "tuvieron tiene tienen produced produjo produjeron came come vinieron handled atendidos fueron fue todos "
    "todas hizo durante during calcula compute calculate"
)
_FILLER_STEMS = ("record", "register", "registr", "receiv", "recib", "realiz", "hici", "nuestr")
# Said of a time that was not read with them, these would turn the answer round.
BOUNDS = _set("after before since until till despues antes desde hasta")


def is_filler(word: str) -> bool:
    return word in _FILLERS or word.startswith(_FILLER_STEMS)


def same_notion(a: str, b: str) -> bool:
    """Whether two folded words are one of the notions above, in either language."""
    return any(_has(a, notion) and _has(b, notion) for notion in _NOTIONS)


@lru_cache(maxsize=100_000)
def related(a: str, b: str) -> bool:
    """Whether two folded words mean the same in a question over a table."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    if len(short) >= 4 and long.startswith(_trunk(short)):
        return len(long) - len(_trunk(short)) <= 6
    return same_notion(a, b)


def _trunk(word: str) -> str:
    for ending in ("es", "s", "a", "o", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _has(word: str, notion: tuple[str, ...]) -> bool:
    return any(word.startswith(stem) for stem in notion)
