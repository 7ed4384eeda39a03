"""The verifier's skill: every citation resolves, every quote is verbatim, every figure recomputes."""

import asyncio
import csv
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, cast

from flowmatik.agents.output import schema_fault
from flowmatik.agents.skills.audience import NOBODY, Callers
from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.calculator import calculated
from flowmatik.agents.skills.computations import expression_of, is_calculation, is_computation
from flowmatik.agents.skills.tables import Tables
from flowmatik.contracts.answers import CALCULATION, FINDING_SCHEMA
from flowmatik.contracts.memory import Memory, is_among
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolError

_MARK = re.compile(r"\[(\d+)\]")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+")
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+(?=\.)|\d{1,3}(?:\.\d{3})+(?=,))[.,](\d+)")
Check = list[Any]  # criterion, passed, English, code, values
ENGLISH = {
    "schema.fits": "fits",
    "schema.fault": "{fault}",
    "citation.empty": "the quote of citation {n} is empty",
    "citation.missing": "the quote of citation {n} does not stand in passage {passage!r}",
    "citation.other_document": "citation {n} is of {source}, which is not among this run's documents",
    "citation.in_source": "citation {n} stands word for word in {source}",
    "citation.on_page": "citation {n} stands word for word in {source}, page {page}",
    "citation.on_line": "citation {n} stands word for word in {source}, line {line}",
    "citation.on_lines": "citation {n} stands word for word in {source}, lines {first}–{last}",
    "citation.not_computed": "citation {n} cannot be computed again: {fault}",
    "citation.no_table": "the computation of citation {n} reads no table",
    "citation.other_result": "citation {n}, computed again, gives {result!r}, not {quote!r}",
    "citation.computed": "citation {n}, computed again from {source}, gives the same",
    "citation.constant": "the calculation of citation {n} is a number alone",
    "citation.calculated": "citation {n}, calculated again, gives the same",
    "absent.uncited": "nothing was found, and nothing is cited",
    "absent.cited": "nothing was found, and yet there are {count} citations",
    "cited.some": "{count} citations",
    "cited.none": "an answer without citations",
    "marks.paired": "every mark has its citation: {marks}",
    "marks.unpaired": "marks {marks}, citations {citations}",
    "figures.quoted": "every figure of the text stands in the quotes",
    "figures.loose": "figures that stand in no quote: {figures}",
}


def citation_skills(memory: Memory, tables: Tables, callers: Callers = NOBODY) -> list[Skill]:
    proofs = _Proofs(memory, tables, callers)

    async def citations_check(context: ToolContext, finding: dict[str, Any]) -> dict[str, Any]:
        """Check a finding: its schema, that each citation resolves to its stored source and
        quotes it word for word, that computations give the same result again, and that the
        figures in the text stand in the quotes."""
        fault = schema_fault(FINDING_SCHEMA, finding)
        if fault:
            return {
                "passed": False,
                "checks": [_check("schema", False, "fault", fault=asdict(fault))],
                "citations": [],
            }
        checks = [_check("schema", True, "fits")]
        located: list[dict[str, Any]] = []
        for citation in cast("list[dict[str, Any]]", finding["citations"]):
            row, check = await _locate(proofs, context, citation)
            checks.append(check)
            if row is not None:
                located.append(row)
        rows = [str(row["quote"]) for row in located if _is_line_of_csv(row)]
        checks.extend(_text_checks(finding, rows))
        return {"passed": all(check[1] for check in checks), "checks": checks, "citations": located}

    return [skill(citations_check, timeout=60.0)]


def _check(criterion: str, passed: bool, code: str, **values: Any) -> Check:
    """For programs and catalogues by code and values; for models in English."""
    key = f"{criterion}.{code}"
    said = {name: _english(value) for name, value in values.items()}
    return [criterion, passed, ENGLISH[key].format(**said), key, values]


def _english(value: Any) -> Any:
    """A fault among the values in words: by its text, behind the place where it stands."""
    if not isinstance(value, dict):
        return value
    fault = cast("dict[str, Any]", value)
    return f"{fault['place']}: {fault['text']}" if "place" in fault else fault["text"]


@dataclass(frozen=True, slots=True)
class _Proofs:
    """Where citations are looked up, and for whom."""

    memory: Memory
    tables: Tables
    callers: Callers


async def _locate(
    proofs: _Proofs, context: ToolContext, citation: dict[str, Any]
) -> tuple[dict[str, Any] | None, Check]:
    n, passage_id, quote = citation["n"], str(citation["passage_id"]), str(citation["quote"])
    row: dict[str, Any] = {"n": n, "passage_id": passage_id, "quote": quote}
    row |= {"source": "", "lines": None, "page": None, "computation": ""}
    if is_computation(passage_id):
        return await _compute_again(proofs, context, row)
    if is_calculation(passage_id):
        return await _calculate_again(row)
    if not quote.strip():
        return None, _check("citation", False, "empty", n=n)
    on_behalf = await proofs.callers.of(context)
    found = await proofs.memory.locate(context.workspace_id, passage_id, quote, on_behalf=on_behalf)
    if found is None:
        return None, _check("citation", False, "missing", n=n, passage=passage_id)
    if not is_among(found.source, context.sources):
        return None, _check("citation", False, "other_document", n=n, source=found.source)
    row |= {"source": found.source, "lines": found.lines, "page": found.page}
    if found.page is not None:
        return row, _check("citation", True, "on_page", n=n, source=found.source, page=found.page)
    if found.lines is None:
        return row, _check("citation", True, "in_source", n=n, source=found.source)
    first, last = found.lines
    if first == last:
        return row, _check("citation", True, "on_line", n=n, source=found.source, line=first)
    return row, _check("citation", True, "on_lines", n=n, source=found.source, first=first, last=last)


async def _compute_again(
    proofs: _Proofs, context: ToolContext, row: dict[str, Any]
) -> tuple[dict[str, Any] | None, Check]:
    """A SELECT of a constant would prove any figure, so a computation must read a table."""
    n = row["n"]
    try:
        again = await proofs.tables.recompute(
            context.workspace_id, row["passage_id"], context.sources, await proofs.callers.of(context)
        )
    except ToolError as error:
        return None, _not_computed(n, error)
    if not again["sources"]:
        return None, _check("citation", False, "no_table", n=n)
    if again["summary"] != row["quote"]:
        return None, _other_result(row, again["summary"])
    source = ", ".join(again["sources"])
    proven = {**row, "source": source, "computation": again["sql"]}
    return proven, _check("citation", True, "computed", n=n, source=source)


async def _calculate_again(row: dict[str, Any]) -> tuple[dict[str, Any] | None, Check]:
    """It reads nothing, so it is what it is in a run that is bound to documents, too. A number alone
    would prove any figure; those that go into it are the model's to cite beside it."""
    n = row["n"]
    try:
        again = await asyncio.to_thread(calculated, expression_of(row["passage_id"]))
    except ToolError as error:
        return None, _not_computed(n, error)
    if not again.steps:
        return None, _check("citation", False, "constant", n=n)
    if again.summary != row["quote"]:
        return None, _other_result(row, again.summary)
    proven = {**row, "source": CALCULATION, "computation": again.expression}
    return proven, _check("citation", True, "calculated", n=n)


def _not_computed(n: int, error: ToolError) -> Check:
    fault = {"code": error.code, "values": error.context, "text": error.message}
    return _check("citation", False, "not_computed", n=n, fault=fault)


def _other_result(row: dict[str, Any], summary: str) -> Check:
    return _check("citation", False, "other_result", n=row["n"], result=summary, quote=row["quote"])


def _text_checks(finding: dict[str, Any], rows: list[str]) -> list[Check]:
    """`rows` are the quotes that are lines of a table."""
    text = str(finding["text"])
    citations = cast("list[dict[str, Any]]", finding["citations"])
    count = len(citations)
    if not finding["found"]:
        return [_check("absent", not citations, "uncited" if not citations else "cited", count=count)]
    numbers = [int(citation["n"]) for citation in citations]
    marks = {int(mark) for mark in _MARK.findall(text)}
    paired = marks == set(numbers) and len(numbers) == len(set(numbers))
    shown = {"marks": _listed(marks), "citations": _listed(numbers)}
    quotes = [*(str(citation["quote"]) for citation in citations), *(f for row in rows for f in _fields(row))]
    quoted = {r for quote in quotes for n in _numbers(quote) for r in _readings(n)}
    loose = sorted(n for n in _numbers(_MARK.sub(" ", text)) if not _readings(n) & quoted)
    return [
        _check("cited", bool(citations), "some" if citations else "none", count=count),
        _check("marks", paired, "paired" if paired else "unpaired", **shown),
        _check("figures", not loose, "loose" if loose else "quoted", figures=", ".join(loose)),
    ]


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "–"


def _is_line_of_csv(row: dict[str, Any]) -> bool:
    return not row["computation"] and str(row["source"]).lower().endswith(".csv")


def _fields(row: str) -> list[str]:
    """Figures in two fields side by side are two; where another sign stands between fields, a comma is
    within one."""
    return [] if re.search(r"[;\t|]", row) else [f for line in csv.reader(row.splitlines()) for f in line]


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(text))


def _readings(number: str) -> set[str]:
    """What a figure may mean in Spanish or English, so that 446,590 and 446.590 are the 446590 of a
    computation, and 85,00 its 85. Times and dates are only themselves."""
    readings = {number}
    if _GROUPED.fullmatch(number):
        readings.add(number.replace(",", "").replace(".", ""))
    found = _DECIMAL.fullmatch(number)
    if found:
        whole, places = re.sub("[.,]", "", found[1]), found[2].rstrip("0")
        readings.add(f"{whole}.{places}" if places else whole)
    return readings
