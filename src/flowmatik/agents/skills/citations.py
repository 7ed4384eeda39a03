"""The verifier's skill: every citation resolves, every quote is verbatim, every figure recomputes."""

import re
from typing import Any, cast

from flowmatik.agents.output import schema_fault
from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.computations import is_computation
from flowmatik.agents.skills.tables import Tables
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolError

_MARK = re.compile(r"\[(\d+)\]")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+")
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+(?=\.)|\d{1,3}(?:\.\d{3})+(?=,))[.,](\d+)")
Check = list[Any]


def citation_skills(memory: Memory, tables: Tables) -> list[Skill]:
    async def citations_check(context: ToolContext, finding: dict[str, Any]) -> dict[str, Any]:
        """Check a finding: its schema, that each citation resolves to its stored source and
        quotes it word for word, that computations give the same result again, and that the
        figures in the text stand in the quotes."""
        fault = schema_fault(FINDING_SCHEMA, finding)
        checks: list[Check] = [["schema", not fault, fault or "fits"]]
        if fault:
            return {"passed": False, "checks": checks, "citations": []}
        located: list[dict[str, Any]] = []
        for citation in cast("list[dict[str, Any]]", finding["citations"]):
            row, check = await _locate(memory, tables, context.workspace_id, citation)
            checks.append(check)
            if row is not None:
                located.append(row)
        checks.extend(_text_checks(finding))
        return {"passed": all(check[1] for check in checks), "checks": checks, "citations": located}

    return [skill(citations_check, timeout=60.0)]


async def _locate(
    memory: Memory, tables: Tables, workspace_id: str, citation: dict[str, Any]
) -> tuple[dict[str, Any] | None, Check]:
    label = f"citation {citation['n']}"
    passage_id, quote = str(citation["passage_id"]), str(citation["quote"])
    row: dict[str, Any] = {"n": citation["n"], "passage_id": passage_id, "quote": quote}
    row |= {"source": "", "lines": None, "page": None, "computation": ""}
    if is_computation(passage_id):
        return await _compute_again(tables, workspace_id, row, label)
    if not quote.strip():
        return None, [label, False, "the quote is empty"]
    found = await memory.locate(workspace_id, passage_id, quote)
    if found is None:
        return None, [label, False, f"the quote does not stand in passage {passage_id!r}"]
    row |= {"source": found.source, "lines": found.lines, "page": found.page}
    where = f", lines {found.lines[0]}–{found.lines[1]}" if found.lines else ""
    where = f", page {found.page}" if found.page is not None else where
    return row, [label, True, f"verbatim in {found.source}{where}"]


async def _compute_again(
    tables: Tables, workspace_id: str, row: dict[str, Any], label: str
) -> tuple[dict[str, Any] | None, Check]:
    """A SELECT of a constant would prove any figure, so a computation must read a table."""
    try:
        again = await tables.recompute(workspace_id, row["passage_id"])
    except ToolError as error:
        return None, [label, False, error.message]
    if not again["sources"]:
        return None, [label, False, "the computation reads no table"]
    if again["summary"] != row["quote"]:
        return None, [label, False, f"computed again it gives {again['summary']!r}, not {row['quote']!r}"]
    source = ", ".join(again["sources"])
    return {**row, "source": source, "computation": again["sql"]}, [
        label,
        True,
        f"computed again from {source}",
    ]


def _text_checks(finding: dict[str, Any]) -> list[Check]:
    text = str(finding["text"])
    citations = cast("list[dict[str, Any]]", finding["citations"])
    if not finding["found"]:
        return [["no citation without an answer", not citations, f"{len(citations)} citations"]]
    numbers = [int(citation["n"]) for citation in citations]
    marks = {int(mark) for mark in _MARK.findall(text)}
    checks: list[Check] = [
        ["cited", bool(citations), f"{len(citations)} citations"],
        ["marks", marks == set(numbers) and len(numbers) == len(set(numbers)), f"marks {sorted(marks)}"],
    ]
    quoted = {r for citation in citations for n in _numbers(str(citation["quote"])) for r in _readings(n)}
    loose = sorted(n for n in _numbers(_MARK.sub(" ", text)) if not _readings(n) & quoted)
    checks.append(["figures stand in the quotes", not loose, ", ".join(loose) or "all"])
    return checks


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
