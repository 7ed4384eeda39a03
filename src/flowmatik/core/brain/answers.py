"""The answer of a run, put together from what its tasks found."""

from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.answers import Answer, Citation
from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.state import TaskState
from flowmatik.kernel import canonical


def answer_of(task: TaskState) -> Answer:
    finding = finding_of(task)
    if finding is None:
        output = task_output(task)
        return Answer(text=output if isinstance(output, str) else canonical.dumps(output), found=True)
    return Answer(text=str(finding["text"]), found=bool(finding["found"]), citations=_citations(task))


def _citations(task: TaskState) -> tuple[Citation, ...]:
    rows = cast("list[dict[str, Any]]", (task.verification or {}).get("citations") or [])
    if task.revised:
        rows = _as_revised(task, rows)
    return tuple(
        Citation(
            n=int(row["n"]),
            source=str(row["source"]),
            quote=str(row["quote"]),
            passage_id=str(row.get("passage_id") or ""),
            lines=(int(row["lines"][0]), int(row["lines"][1])) if row.get("lines") else None,
            page=row.get("page"),
            computation=str(row.get("computation") or ""),
        )
        for row in rows
    )


def _as_revised(task: TaskState, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the output is no longer the agent's own: its citations as they stand there now."""
    finding = finding_of(task) or {}
    quotes = {row["n"]: row["quote"] for row in cast("list[dict[str, Any]]", finding.get("citations") or [])}
    return [{**row, "quote": quotes[row["n"]]} for row in rows if row["n"] in quotes]


def together(tasks: list[TaskState]) -> Answer:
    """The answer of a run that several tasks end, each with a paragraph; found when one of them found."""
    if len(tasks) == 1:
        return answer_of(tasks[0])
    found = any(answer_of(task).found for task in tasks)
    return replace(joined(tasks, "\n\n"), found=found)


def joined(tasks: list[TaskState], between: str = " ") -> Answer:
    texts: list[str] = []
    citations: list[Citation] = []
    for task in tasks:
        part = answer_of(task)
        text = part.text
        for old in part.citations:
            new = len(citations) + 1
            text = text.replace(f"[{old.n}]", f"[\x00{new}]")
            citations.append(replace(old, n=new))
        texts.append(text.replace("\x00", ""))
    return Answer(text=between.join(texts), found=bool(citations), citations=tuple(citations))
