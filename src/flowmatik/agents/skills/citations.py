"""The verifier's skill: every citation resolves, every quote is verbatim, every figure recomputes."""

import re
from typing import Any, cast

from flowmatik.agents.loop import schema_fault
from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.tables import Tables, is_computation
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolError

_MARK = re.compile(r"\[(\d+)\]")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
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
    if is_computation(passage_id):
        try:
            again = await tables.recompute(workspace_id, passage_id)
        except ToolError as error:
            return None, [label, False, error.message]
        if again["summary"] != quote:
            return None, [label, False, f"computed again it gives {again['summary']!r}, not {quote!r}"]
        source = ", ".join(again["sources"])
        return {**row, "source": source, "computation": again["sql"]}, [
            label,
            True,
            f"computed again from {source}",
        ]
    if not quote.strip():
        return None, [label, False, "the quote is empty"]
    found = await memory.locate(workspace_id, passage_id, quote)
    if found is None:
        return None, [label, False, f"the quote does not stand in passage {passage_id!r}"]
    where = f"lines {found.lines[0]}–{found.lines[1]}" if found.lines else f"page {found.page}"
    row |= {"source": found.source, "lines": found.lines, "page": found.page}
    return row, [label, True, f"verbatim in {found.source}, {where}"]


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
    quoted = {n for citation in citations for n in _numbers(str(citation["quote"]))}
    loose = sorted(_numbers(_MARK.sub(" ", text)) - quoted)
    checks.append(["figures stand in the quotes", not loose, ", ".join(loose) or "all"])
    return checks


def _numbers(text: str) -> set[str]:
    return {number.strip(".,:") for number in _NUMBER.findall(text)}
