"""What keeps a plan from running, as its validation says it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from flowmatik.kernel.errors import PlanInvalid

FIELDS = {
    "twice": "id",
    "nameless": "id",
    "circle": "needs",
    "needs": "needs",
    "tool": "tool",
    "rights.agent": "tool",
    "rights.nobody": "tool",
    "rights.approval": "approval",
    "rights.undo": "compensation.tool",
    "wait_kind": "wait.kind",
    "wait_time": "wait.seconds",
    "wait_until": "wait.until",
    "wait_name": "wait.name",
    "wait_on_timeout": "wait.on_timeout",
    "wait_alone": "wait",
    "approval_tool": "approval",
    "approval": "approval",
    "undo.step": "compensation",
    "undo.tool": "compensation.tool",
    "undo.when": "compensation.when",
    "undo.result": "compensation.arguments",
    "objective": "objective",
    "agent": "agent",
    "skill": "skill",
    "goal": "goal",
    "budget": "budget_micros",
    "deadline": "deadline_seconds",
    "language": "language",
    "items.many": "map.items",
    "items.needs": "map.items",
    "items.kind": "map.items",
    "concurrency": "map.concurrency",
    "failures": "map.on_failure",
    "vote_alone": "vote",
    "vote_needs": "needs",
    "vote_quorum": "vote.quorum",
    "vote_judge": "vote.judge",
    "repeat_alone": "repeat",
    "repeat_rounds": "repeat.rounds",
    "repeat_until": "repeat.until",
    "repeat_task": "repeat.task",
    "repeat_effect": "repeat.task",
    "repeat_outside": "needs",
    "otherwise": "otherwise",
    "when_needs": "when",
    "when_test": "when",
    "when_list": "when",
    "when_number": "when",
    "when_boolean": "when",
    "effects": "effect",
}  # of a task, of which a fault speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that keeps a plan from running: in English, and as a code with values."""

    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})
    place: str = ""


def fault(text: str, code: str, **values: object) -> Fault:
    return Fault(text=text, code=f"plan.{code}", values=values)


def refusal(found: Sequence[Fault]) -> PlanInvalid:
    """Of a plan from outside: each fault with its place, `task/task.field`."""
    placed = [replace(one, place=_place(one)) for one in found]
    lines = [f"{one.place}: {one.text}".removeprefix(": ") for one in placed]
    details = [asdict(one) for one in placed]
    return PlanInvalid(
        f"the plan cannot run: {'; '.join(lines)}", context={"faults": lines, "details": details}
    )


def _place(one: Fault) -> str:
    task, what = str(one.values.get("task", "")), one.code.removeprefix("plan.")
    name = str(one.values.get("name", ""))
    named = f"wait.{name}" if what == "wait_seconds" else FIELDS.get(what, "")
    return ".".join(filter(None, ("/".join(filter(None, (one.place, task))), named)))
