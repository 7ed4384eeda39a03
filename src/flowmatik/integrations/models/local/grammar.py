"""Questions over tables: a declared bilingual grammar that becomes one SELECT.

    question  := [group "which/qué"] aggregate [measure] {filter} ["per/por" group] | row
    aggregate := count | sum | mean | min | max | top-k [group "by/por" measure] | superlative
    row       := column of a value that only one row has, or that looks like an identifier (`lookup`)
    filter    := a value that stands in a column | [before | after | since | until] date | date to date
    date      := year | month of a year

Columns are found by their names and values. A word that is none of this is refused by name, so
that no part of a question is silently dropped.
"""

import re

from flowmatik.integrations.models.local.lexicon import (
    AGGREGATES,
    BOUNDS,
    NUMBERS,
    OUTSIDE,
    is_filler,
    related,
    same_notion,
)
from flowmatik.integrations.models.local.lookup import look_up
from flowmatik.integrations.models.local.periods import Period, read_periods
from flowmatik.integrations.models.local.refusals import NotUnderstood
from flowmatik.integrations.models.local.sheets import (
    Column,
    Query,
    Reading,
    Table,
    finds,
    people_in,
    read_tables,
)
from flowmatik.integrations.models.local.superlatives import Measured, measured
from flowmatik.integrations.models.local.words import STOP, fold, tokens

_BARE = ("most", "mas", "menos", "least", "fewest")
__all__ = ["NotUnderstood", "Query", "Table", "read_tables", "translate"]


def translate(question: str, tables: list[Table]) -> Query:
    """One SELECT for the question. Raises NotUnderstood, with words as the question has them."""
    try:
        return _translate(question, tables)
    except NotUnderstood as refusal:
        written = {fold(word): word for word in tokens(question)}
        raise refusal.with_words(written) from None


def _translate(question: str, tables: list[Table]) -> Query:
    if not tables:
        raise NotUnderstood("no_tables")
    folded = fold(question)
    if len(folded) != len(question):
        folded = fold("".join(c if len(fold(c)) == 1 else " " for c in question))
    if outside := re.search(OUTSIDE, folded):
        raise NotUnderstood("words", words=(question[slice(*outside.span())].strip(),))
    row = look_up(folded, tables)
    if row is not None:
        return row
    aggregate, span = _aggregate(folded)
    ranked = sorted(tables, key=lambda t: -_closeness(folded, t))
    if _closeness(folded, ranked[0]) == 0:
        ranked.sort(key=lambda t: measured(Reading(text=folded), span, t) is None)
    if _closeness(folded, ranked[0]) == 0 and measured(Reading(text=folded), span, ranked[0]) is None:
        raise NotUnderstood("no_table", names=tuple(t.name for t in tables))
    return _build(Reading(text=folded), aggregate, span, ranked[0])


def _closeness(text: str, table: Table) -> float:
    words = [w for w in re.findall(r"[a-z0-9]+", text) if w not in STOP]
    score = 3.0 * sum(any(related(w, name) for name in table.words) for w in words)
    score += sum(any(related(w, part) for c in table.columns for part in c.words) for w in words)
    return score + sum(finds(text, value) for c in table.columns for value in c.values if len(value) > 1)


def _aggregate(text: str) -> tuple[str, tuple[int, int]]:
    for name, pattern in AGGREGATES:
        match = re.search(pattern, text)
        if match:
            return name, match.span()
    raise NotUnderstood("no_aggregate")


def _build(reading: Reading, aggregate: str, span: tuple[int, int], table: Table) -> Query:
    implied = measured(reading, span, table)
    question = reading.text
    counted = re.findall(r"[a-z]+", question[span[1] :])[:2]
    reading.cut(*span)
    _value_filters(reading, table)
    _date_filters(reading, table)
    reading.explain(*table.words)
    group, top = _group(reading, question, table, aggregate, span)
    if implied is not None and aggregate in ("max", "min"):
        return _superlative(reading, aggregate, table, implied, group, top)
    if aggregate in ("max", "min") and group is not None and _counts_rows(reading, question, span, table):
        aggregate = f"count:{aggregate}"  # "which agent closed most tickets"
    for name, pattern in AGGREGATES:  # "highest total quantity": the second one says how to combine
        again = re.search(pattern, reading.text)
        if again and name in ("sum", "mean", "count") and aggregate in ("max", "min"):
            aggregate = f"{name}:{aggregate}"
            reading.cut(*again.span())
            reading.explain(*table.words)
            break
    if aggregate in ("max", "min") and group is not None and not _names_measure(reading, table):
        aggregate = f"count:{aggregate}"  # "which country has most orders"
    measure = None
    if not aggregate.startswith("count"):
        measure = _measure(reading, table, aggregate)
    elif aggregate == "count" and (kinds := _kinds(counted[:1], table)) is not None:
        measure = kinds  # "how many customers ordered"
    elif aggregate == "count" and not any(related(w, name) for w in counted for name in table.words):
        measure = _summed_column(counted, table)
        aggregate = "sum" if measure else aggregate  # "how many crates": what the column counts
        measure = measure or _counted_column(counted, table)
    _refuse_leftovers(reading, group, measure)
    return _select(table, aggregate, measure, group, top, reading.where)


def _superlative(
    reading: Reading, aggregate: str, table: Table, implied: Measured, group: Column | None, top: int
) -> Query:
    """The things that measure most or least by what the question's verb or adjective says."""
    how = aggregate if implied.adds else f"{aggregate}:{aggregate}"
    reading.explain(*implied.column.words)
    _refuse_leftovers(reading, group, implied.column)
    return _select(table, how, implied.column, group, top, reading.where)


def _counts_rows(reading: Reading, question: str, span: tuple[int, int], table: Table) -> bool:
    """Whether most of what the rows are is asked for; a verb that a column is of takes those that have it."""
    said = re.match(r"\s+([a-z]+)", question[span[1] :])
    if not said or not any(related(said[1], name) for name in table.words):
        return False
    for word in reading.left:
        column = next((c for c in table.columns if c.nulls and any(related(word, w) for w in c.words)), None)
        if column is not None:
            reading.where.append(f"{column.sql} IS NOT NULL")
            reading.explain(word)
    return True


def _value_filters(reading: Reading, table: Table) -> None:
    for column in table.columns:
        chosen: list[str] = []
        for value in sorted(column.values, key=len, reverse=True):
            if len(value) < 2 and not re.search(
                rf"\b{'|'.join(column.words)}\b \b{re.escape(fold(value))}\b", reading.text
            ):
                continue
            pattern = rf"(?<![a-z0-9]){re.escape(fold(value))}(?:e?s)?(?![a-z0-9])"
            for match in re.finditer(pattern, reading.text):
                chosen.append(value)
                reading.cut(*match.span())
        chosen += _meant(reading, column, table)
        if chosen:
            listed = ", ".join("'" + value.replace("'", "''") + "'" for value in dict.fromkeys(chosen))
            reading.where.append(f"{column.sql} IN ({listed})")
            reading.explain(*column.words)


def _meant(reading: Reading, column: Column, table: Table) -> list[str]:
    """Values that a word of the other language names ("entregados": delivered), unless it names a column."""
    found: list[str] = []
    named = [word for other in table.columns for word in other.words] + table.words
    for match in re.finditer(r"[a-z]{4,}", reading.text):
        word = match[0]
        if any(related(word, name) for name in named):
            continue
        for value in column.values:
            if fold(value).isalpha() and same_notion(word, fold(value)):
                found.append(value)
                reading.cut(*match.span())
    return found


def _date_filters(reading: Reading, table: Table) -> None:
    periods, taken = read_periods(reading.text)
    for stretch in taken:
        reading.cut(*stretch)
    if not periods:
        return
    column = _date_column(reading, table)
    spans = [_span(column, period) for period in periods]
    reading.where.append(spans[0] if len(spans) == 1 else "(" + " OR ".join(spans) + ")")


def _date_column(reading: Reading, table: Table) -> Column:
    dated = [c for c in table.columns if c.dated]
    if not dated:
        raise NotUnderstood("no_dates")
    for column in dated:
        if any(related(left, word) for left in reading.left for word in column.words if word not in STOP):
            reading.explain(*column.words)
            return column
    return dated[0]


def _span(column: Column, period: Period) -> str:
    bounds = [
        f"{column.sql} {sign} DATE '{day}'" for sign, day in ((">=", period.first), ("<", period.end)) if day
    ]
    return f"({' AND '.join(bounds)})"


def _group(
    reading: Reading, question: str, table: Table, aggregate: str, span: tuple[int, int]
) -> tuple[Column | None, int]:
    texts = [c for c in table.columns if not c.numeric and not c.dated]
    by = re.search(
        r"\b(?:per|by|(?:(?:for|in) )?each|por|(?:(?:por|para|de|en) )?cada)\s+([a-z]+)", reading.text
    )
    if by:
        column = next((c for c in texts if any(related(by.group(1), w) for w in c.words)), None)
        if column:
            reading.cut(*by.span())
            return column, 0
    if aggregate not in ("max", "min"):
        return None, 0
    named = _named_things(reading, question, texts, span)
    if named is not None:
        return named
    which = re.search(
        r"\b(?:which|what|que|cual(?:es)?)\b(?:\s+(?:are|is|was|were|son|es|era|fue|fueron))?(?:\s+(?:the|los|las|el|la))?"
        r"(?:\s+(?:top|first|primer[oa]s))?(?:\s+([a-z]+|\d+))?\s+([a-z]+)",
        question,
    )
    if which is None:
        who = people_in(texts) if re.search(r"\b(?:who|quien)\b", question) else []
        return (who[0], 1) if who else (None, 0)
    count, noun = which.group(1) or "", which.group(2)
    for word, top in ((noun, NUMBERS.get(count, int(count) if count.isdigit() else 1)), (count, 1)):
        column = next((c for c in texts if word and any(related(word, w) for w in c.words)), None)
        if column:
            reading.explain(word, count, *column.words)
            return column, top
    return None, 0


def _named_things(
    reading: Reading, question: str, texts: list[Column], span: tuple[int, int]
) -> tuple[Column, int] | None:
    """ "top 5 customers", "los 5 clientes con más", "the most expensive order": the things that are ranked,
    and how many."""
    said = question[span[0] : span[1]]
    after = re.match(r"\s+(?:(\d+|[a-z]+)\s+)?([a-z]+)", question[span[1] :])
    before = re.search(
        r"\b(\d+|[a-z]+)\s+([a-z]+)(?:\s+(?:con|que|with|by|de|tienen?|have))*\s*$", question[: span[0]]
    )
    for match in (None if said in _BARE else after, before):  # "most orders" ranks by orders
        for noun, count in ((match[2], match[1] or ""), (match[1] or "", "")) if match else ():
            column = next((c for c in texts if noun and any(related(noun, w) for w in c.words)), None)
            if column is not None:
                count = re.sub(r"\D", "", said) or count
                reading.explain(noun, count, *column.words)
                return column, NUMBERS.get(count, int(count) if count.isdigit() else 1)
    return None


def _counted_column(counted: list[str], table: Table) -> Column | None:
    """The column whose values are counted, when the question does not count rows."""
    texts = [c for c in table.columns if not c.numeric and not c.dated]
    return next((c for w in counted for c in texts if any(related(w, part) for part in c.words)), None)


def _kinds(noun: list[str], table: Table) -> Column | None:
    """The column of a thing that is not what the rows are."""
    if any(related(w, name) for w in noun for name in table.words):
        return None
    return _counted_column(noun, table)


def _summed_column(counted: list[str], table: Table) -> Column | None:
    """The column of numbers that already counts what is asked for."""
    numeric = [c for c in table.columns if c.numeric and "id" not in c.words]
    noun = counted[:1] if counted[1:2] and counted[1] in STOP else counted
    return next((c for w in noun for c in numeric if any(related(w, part) for part in c.words)), None)


def _names_measure(reading: Reading, table: Table) -> bool:
    return any(related(w, part) for w in reading.left for c in table.columns if c.numeric for part in c.words)


def _measure(reading: Reading, table: Table, aggregate: str) -> Column:
    numeric = [c for c in table.columns if c.numeric and not any(w == "id" for w in c.words)]
    if not numeric:
        raise NotUnderstood("no_numbers")
    wanted = [*reading.left, *(["total"] if aggregate.startswith("sum") else [])]
    scores = {c.name: sum(any(related(w, part) for part in c.words) for w in wanted) for c in numeric}
    best = max(numeric, key=lambda c: (scores[c.name], -len(c.words)))
    if scores[best.name] == 0:
        raise NotUnderstood("measure", names=tuple(c.name for c in numeric))
    reading.explain(*best.words)
    return best


def _refuse_leftovers(reading: Reading, *used: Column | None) -> None:
    """Only the columns that the query uses account for words."""
    reading.explain(*(word for column in used if column for word in column.words))
    unknown = [
        w
        for w in reading.left
        if w in BOUNDS or w[0].isdigit() or (len(w) > 1 and w not in STOP and not is_filler(w))
    ]
    if unknown:
        raise NotUnderstood("words", words=tuple(dict.fromkeys(unknown)))


def _select(
    table: Table, aggregate: str, measure: Column | None, group: Column | None, top: int, where: list[str]
) -> Query:
    combine, _, order = aggregate.partition(":")
    functions = {"count": "count(*)", "sum": "sum({})", "mean": "avg({})", "max": "max({})", "min": "min({})"}
    if group is not None and not order and combine in ("max", "min") and top:
        combine, order = "sum", combine
    value = functions[combine].format(measure.sql if measure else "")
    if combine == "count" and measure is not None:  # things that may be absent, or kinds of things
        value = f"count({measure.sql})" if measure.nulls else f"count(DISTINCT {measure.sql})"
    label = combine if measure is None else f"{combine}_{measure.name}"
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    rounded = f"round({value}, 4)" if combine == "mean" else value
    if group is None:
        sql = f'SELECT {rounded} AS "{label}" FROM {table.table}{conditions}'
        return Query(sql=sql, aggregate=combine, label=label)
    direction = "ASC" if order == "min" else "DESC"
    limit = f" LIMIT {top}" if top else ""
    sql = (
        f'SELECT {group.sql}, {rounded} AS "{label}" FROM {table.table}{conditions}'
        f" GROUP BY {group.sql} ORDER BY 2 {direction}, 1{limit}"
    )
    return Query(sql=sql, aggregate=combine, label=label, grouped=group.name)
