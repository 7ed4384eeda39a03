"""What the extractive model says, which follows from the request's messages and tools alone."""

import re
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall
from flowmatik.integrations.models.local import across, extract, passages
from flowmatik.integrations.models.local import hops as bridging
from flowmatik.integrations.models.local.arithmetic import Arithmetic, translate_arithmetic
from flowmatik.integrations.models.local.comparing import compare, sides
from flowmatik.integrations.models.local.compose import compose
from flowmatik.integrations.models.local.grammar import Query, read_tables, translate
from flowmatik.integrations.models.local.hops import Hops, follow
from flowmatik.integrations.models.local.joining import join, stands
from flowmatik.integrations.models.local.refusals import (
    NotUnderstood,
    is_refusal,
    not_calculated,
    refused,
)
from flowmatik.integrations.models.local.words import fold, language_of
from flowmatik.kernel import canonical

AT_ONCE = 1.0  # how sure two sentences have to be for no further search
SEARCHES = 3  # of the documents, for one question, at most
SEARCH, DESCRIBE, QUERY, CALCULATE = "memory_search", "tables_describe", "tables_query", "calculate"


def reply_to(request: ModelRequest) -> ModelReply:
    """Its text, or the calls of tools that it needs first; what it costs is for others to say."""
    offered = {tool.name for tool in request.tools}
    question = _objective(request.messages)
    results = _results(request.messages)
    sum_asked = translate_arithmetic(question) if CALCULATE in offered else None
    if sum_asked is not None:
        return _calculate(sum_asked, results)
    if DESCRIBE in offered and QUERY in offered:
        return _analyse(question, results)
    if SEARCH in offered:
        if not results.get(SEARCH):
            return _call(SEARCH, {"query": question[:4000] or "-", "limit": 8})
        refusal = _refusal_before(request.messages)
        return _from_documents(question, results[SEARCH], refusal, _searched(request.messages))
    findings = _findings(request.messages)
    if findings is not None:
        return _say(compose(findings))
    if request.output_schema is not None:
        return _say(extract.not_found(language_of(question)))
    return ModelReply(text=_what_i_am(question), finish="refused")


def _from_documents(question: str, results: list[Any], refusal: str, tried: list[str]) -> ModelReply:
    """What the first search found. Where that says little of what was asked, a second one follows whom it
    brings in, and another one looks into the documents of the other language."""
    found = _dicts(results)
    today = passages.today_of(found)
    alone = extract.extract(question, passages.read(found[:1]), today)
    settled = extract.is_list(question) or (across.is_enough(alone) and sides(question) is None)
    hops = None if settled else follow(question, found, today)
    joined = (compare(question, hops) or join(hops)) if hops else None
    sure = joined is not None and (joined.trust >= AT_ONCE or len(results) > 1)
    if not sure and len(results) < SEARCHES and not across.is_enough(alone):
        query = _next(question, hops, tried)
        if query:
            return _call(SEARCH, {"query": query[:4000], "limit": 8})
    if joined is None:
        joined = alone if hops is None or stands(hops, alone) else replace(alone, trust=-1.0)
        joined = across.best(question, joined, found[1:], today)
    return _say(extract.finding(question, joined, refusal))


def _next(question: str, hops: Hops | None, tried: list[str]) -> str:
    """What to search for after `tried`; "" when there is nothing else. Nobody is followed beyond the
    documents of the other language."""
    other = across.query(question)
    bridge = bridging.query(question, hops, tried) if hops is not None and other not in tried else ""
    return bridge or (other if other not in tried else "")


def _analyse(question: str, results: dict[str, list[Any]]) -> ModelReply:
    language = language_of(question)
    if not results.get(DESCRIBE):
        return _call(DESCRIBE, {})
    tables = read_tables(_dicts(results[DESCRIBE])[-1] if _dicts(results[DESCRIBE]) else {})
    try:
        query = translate(question, tables)
    except NotUnderstood as error:
        return _say(refused(error, language))
    if not results.get(QUERY):
        return _call(QUERY, {"sql": query.sql})
    result = results[QUERY][-1]
    if not isinstance(result, dict) or "rows" not in result:
        return _say(refused(NotUnderstood("failed"), language))
    return _say(_figures(query, cast("dict[str, Any]", result), language))


def _calculate(asked: Arithmetic, results: dict[str, list[Any]]) -> ModelReply:
    if not results.get(CALCULATE):
        return _call(CALCULATE, {"expression": asked.expression})
    result = results[CALCULATE][-1]
    told = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    if "summary" not in told:
        return _say(not_calculated(asked.expression, str(told.get("error") or ""), asked.language))
    summary = str(told["summary"])
    citation = {"n": 1, "passage_id": str(told["computation_id"]), "quote": summary}
    head, said = "Result", summary
    if asked.language == "es":
        head, said = "Resultado", re.sub(r"(?<=\d)\.(?=\d)", ",", summary)
    return _say({"found": True, "text": f"{head}: {said} [1]", "citations": [citation]})


def _figures(query: Query, result: dict[str, Any], language: str) -> dict[str, Any]:
    rows = cast("list[list[Any]]", result["rows"])
    if not rows or all(row[-1] is None for row in rows):
        return refused(NotUnderstood("no_rows"), language)
    if query.aggregate == "row":
        return _one_row(result, rows, language)
    head = _label(query, language)
    if query.grouped:
        shown = "; ".join(f"{row[0]}: {_figure(row[1])}" for row in rows[:30])
        per = "por" if language == "es" else "by"
        text = f"{head}, {per} {query.grouped}: {shown} [1]"
    else:
        text = f"{head}: {_figure(rows[0][0])} [1]"
    citation = {"n": 1, "passage_id": str(result["computation_id"]), "quote": str(result["summary"])}
    return {"found": True, "text": text, "citations": [citation]}


def _one_row(result: dict[str, Any], rows: list[list[Any]], language: str) -> dict[str, Any]:
    if len(rows) > 1:
        return refused(NotUnderstood("several"), language)
    names = cast("list[str]", result["columns"])
    said = "; ".join(f"{name}: {_figure(value)}" for name, value in zip(names, rows[0], strict=True))
    citation = {"n": 1, "passage_id": str(result["computation_id"]), "quote": str(result["summary"])}
    return {"found": True, "text": f"{said} [1]", "citations": [citation]}


_HEADS = {
    "es": {
        "count": ("Número de filas", "Número de valores de {}"),
        "sum": ("Suma", "Suma de {}"),
        "mean": ("Media", "Media de {}"),
        "max": ("Máximo", "Máximo de {}"),
        "min": ("Mínimo", "Mínimo de {}"),
    },
    "en": {
        "count": ("Number of rows", "Number of values of {}"),
        "sum": ("Sum", "Sum of {}"),
        "mean": ("Average", "Average of {}"),
        "max": ("Maximum", "Maximum of {}"),
        "min": ("Minimum", "Minimum of {}"),
    },
}


def _label(query: Query, language: str) -> str:
    """What the figures are, in the question's language; a column by the name that it has."""
    alone, of_column = _HEADS[language][query.aggregate]
    measure = query.label.partition("_")[2]
    return of_column.format(measure) if measure else alone


def _figure(value: Any) -> str:
    """As the table has it: what is shown must stand in the quoted result."""
    return str(value)


def _objective(messages: tuple[Message, ...]) -> str:
    """The first thing the user said, up to the first empty line."""
    first = next((m.content for m in messages if m.role == "user"), "")
    return re.split(r"\n\s*\n", first.strip(), maxsplit=1)[0]


def _refusal_before(messages: tuple[Message, ...]) -> str:
    """What the tables said to the same question, which the task's notes tell; "" if they did not."""
    first = next((m.content for m in messages if m.role == "user"), "")
    said = (line.partition(": ")[2] for line in first.splitlines() if line.startswith("- "))
    return next((text for text in said if is_refusal(text)), "")


def _results(messages: tuple[Message, ...]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for message in messages:
        if message.role == "tool":
            try:
                value = canonical.loads(message.content)
            except ValueError:
                value = {"error": message.content}
            found.setdefault(message.name, []).append(value)
    return found


def _searched(messages: tuple[Message, ...]) -> list[str]:
    calls = (call for message in messages for call in message.tool_calls if call.name == SEARCH)
    return [str((call.arguments or {}).get("query") or "") for call in calls]


def _dicts(values: list[Any]) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", value) for value in values if isinstance(value, dict)]


def _findings(messages: tuple[Message, ...]) -> dict[str, Any] | None:
    first = next((m.content for m in messages if m.role == "user"), "")
    try:
        value = canonical.loads(first)
    except ValueError:
        return None
    if isinstance(value, dict) and "findings" in value:
        return cast("dict[str, Any]", value)
    return None


def _call(name: str, arguments: dict[str, Any]) -> ModelReply:
    return ModelReply(text="", tool_calls=(ToolCall(id="1", name=name, arguments=arguments),))


def _say(finding: dict[str, Any]) -> ModelReply:
    return ModelReply(text=canonical.dumps(finding))


def _what_i_am(question: str) -> str:
    if language_of(fold(question)) == "es" or language_of(question) == "es":
        return (
            "Soy local/extractive, el modelo sin conexión de Flowmatik: respondo extrayendo y citando de "
            "documentos y tablas. Para esto configura un proveedor de modelos."
        )
    return (
        "I am local/extractive, Flowmatik's offline model: I answer by extracting and citing from documents "
        "and tables. For this, configure a model provider."
    )
