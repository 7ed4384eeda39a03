"""A result against its criteria, each by itself, beyond citations that resolve."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from flowmatik.contracts.criteria import (
    Arithmetic,
    CitationsSupport,
    Criterion,
    Judge,
    Policy,
    SchemaFits,
    ToolEvidence,
)
from flowmatik.contracts.runs import Check
from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.criteria.claims import claimed
from flowmatik.core.criteria.rules import broken_rule
from flowmatik.core.criteria.said import check
from flowmatik.core.criteria.sums import calculations_in
from flowmatik.core.criteria.support import Loose, revised, unsupported
from flowmatik.core.guards.guarding import text_in
from flowmatik.core.reading.schema import fault_in
from flowmatik.core.reading.sentences import MARK
from flowmatik.core.reading.words import language_of
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical

LONGEST = 300


@dataclass(slots=True, kw_only=True)
class Checked:
    """`output`: what stands for the result from here on; None when it stands as it is."""

    checks: list[Check] = field(default_factory=lambda: [])
    output: Any = None


def checked(state: RunState, task: TaskState, criteria: list[Criterion]) -> Checked:
    """All but what judges say. What support leaves of the text is what the others look at."""
    found = Checked()
    for one in criteria:
        if isinstance(one, CitationsSupport):
            _support(state, task, one, found)
    output = task_output(task) if found.output is None else found.output
    for one in criteria:
        found.checks += _check(task, one, output)
    return found


def _check(task: TaskState, criterion: Criterion, output: Any) -> Iterator[Check]:
    match criterion:
        case SchemaFits():
            fault = fault_in(criterion.schema, _json(output))
            if fault is None:
                yield check("schema", "fits", True, optional=criterion.optional)
            else:
                yield check("schema", "fault", False, optional=criterion.optional, fault=fault)
        case ToolEvidence():
            yield _evidence(task, criterion, text_in(output))
        case Arithmetic():
            yield _arithmetic(criterion, text_in(output))
        case Policy():
            broken = broken_rule(criterion, text_in(output))
            code, values = broken or ("kept", {})
            yield check("policy", code, broken is None, optional=criterion.optional, **values)
        case CitationsSupport() | Judge():
            return


def _json(output: Any) -> Any:
    """An agent that answers in text may answer in JSON."""
    if isinstance(output, str):
        try:
            return canonical.loads(output)
        except ValueError:
            return output
    return output


def _arithmetic(criterion: Arithmetic, text: str) -> Check:
    stated = calculations_in(text)
    wrong = next((one for one in stated if not one.right), None)
    if wrong is not None:
        said = wrong.text[:LONGEST]
        return check(
            "arithmetic", "wrong", False, optional=criterion.optional, stated=said, result=wrong.result
        )
    if not stated:
        return check("arithmetic", "none", True, optional=criterion.optional)
    return check("arithmetic", "right", True, optional=criterion.optional, count=len(stated))


def _evidence(task: TaskState, criterion: ToolEvidence, text: str) -> Check:
    done = set(_succeeded_tools(task))
    phrases: list[str] = []
    for claim in criterion.claims:
        phrase = claimed(text, claim)
        if phrase and not done & set(claim.tools):
            tools = ", ".join(claim.tools)
            return check(
                "tool_evidence", "unproven", False, optional=criterion.optional, phrase=phrase, tools=tools
            )
        if phrase:
            phrases.append(phrase)
    if not phrases:
        return check("tool_evidence", "none", True, optional=criterion.optional)
    said = "; ".join(phrases)
    return check("tool_evidence", "proven", True, optional=criterion.optional, phrases=said)


def _succeeded_tools(task: TaskState) -> Iterator[str]:
    """The tools whose outcome the agent was told, but for errors."""
    for message in task.loop.messages if task.loop is not None else ():
        withheld = message.tool_call_id in task.tripped  # so it succeeded
        if message.role == "tool" and (withheld or not _is_error(message.content)):
            yield message.name


def _is_error(content: str) -> bool:
    if not content.startswith('{"error":'):
        return False
    return bool(cast("dict[str, Any]", canonical.loads(content))["error"])


def _support(state: RunState, task: TaskState, criterion: CitationsSupport, found: Checked) -> None:
    finding = finding_of(task)
    if finding is None or not finding["found"]:
        found.checks.append(check("support", "none", True, optional=criterion.optional))
        return
    if task.verification is None:
        found.checks.append(check("support", "unchecked", False, optional=criterion.optional))
        return
    texts = _passages_of(state)
    cited = {row["n"]: _cited(row, texts) for row in _citations(task, finding)}
    text = str(finding["text"])
    looked, loose = unsupported(text, cited, (*texts.values(), task.spec.objective))
    if not loose:
        code, values = ("held", {"count": looked}) if looked else ("none", dict[str, int]())
        found.checks.append(check("support", code, True, optional=criterion.optional, **values))
        return
    what = _what(loose)
    if criterion.unsupported == "fail":
        found.checks.append(check("support", "loose", False, optional=criterion.optional, what=what))
        return
    kept = revised(text, loose, criterion.unsupported, _language(state, text))
    still = {int(n) for n in MARK.findall(kept)}
    if not kept or not still:
        found.checks.append(check("support", "nothing_left", False, optional=criterion.optional, what=what))
        return
    citations = [row for row in cast("list[dict[str, Any]]", finding["citations"]) if row["n"] in still]
    found.output = {**finding, "text": kept, "citations": citations}
    code = "marked" if criterion.unsupported == "mark" else "dropped"
    row = check("support", code, True, optional=criterion.optional, count=len(loose), what=what)
    found.checks.append(row)


def _what(loose: list[Loose]) -> str:
    return "; ".join(f"{one.number}: {', '.join(one.what)}" for one in loose)[:LONGEST]


def _language(state: RunState, text: str) -> str:
    language = state.created.language or language_of(text) or language_of(state.created.goal)
    return "es" if language == "es" else "en"


def _citations(task: TaskState, finding: dict[str, Any]) -> list[dict[str, Any]]:
    """As the verifier's tool located them, else as the agent gave them."""
    rows = (task.verification or {}).get("citations")
    return cast("list[dict[str, Any]]", rows or finding["citations"])


def _cited(row: dict[str, Any], texts: dict[str, str]) -> str:
    """Everything that stands where a citation points to."""
    parts = (texts.get(str(row.get("passage_id")), ""), str(row.get("source") or ""), str(row["quote"]))
    return "\n".join(filter(None, parts))


def _passages_of(state: RunState) -> dict[str, str]:
    """The passages that tools have shown to agents of this run, with their titles, by id."""
    found: dict[str, str] = {}
    for task in state.tasks.values():
        for message in task.loop.messages if task.loop is not None else ():
            if message.role != "tool" or '"passages"' not in message.content:
                continue
            result: Any = canonical.loads(message.content)
            rows: Any = cast("dict[str, Any]", result).get("passages") if isinstance(result, dict) else None
            for row in cast("list[Any]", rows) if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    passage = cast("dict[str, Any]", row)
                    parts = (str(passage.get(name) or "") for name in ("title", "heading", "text"))
                    found[str(passage.get("id") or passage.get("passage_id"))] = "\n".join(parts)
    return found
