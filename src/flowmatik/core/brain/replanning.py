"""What the model is asked about a task that failed, and what is read from its reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.models import Message
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core.brain import plan
from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical

MOST_NEW = 4  # tasks in the place of one
LONGEST = 500  # characters of what a task gave
INSTRUCTIONS = """\
A task of a plan has failed, twice. Say what is done instead: tasks that reach the same in another way, with
other words, another skill, or in smaller steps. "needs" may name tasks that are done, and new ones. Do not
repeat what failed. When there is no other way, answer with an empty list of tasks: the goal is then answered
without this part, and the answer says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    tasks: tuple[PlanTask, ...] = ()
    reason: str = ""
    faults: tuple[str, ...] = ()


def has_model(state: RunState) -> bool:
    return not state.created.model.startswith("local/") and not state.plan_failed


def free_ids(state: RunState, failed: str, count: int) -> list[str]:
    """Names for what stands in for a task: t1~2, t1~3 …"""
    first = state.adapting.origin.get(failed, failed)
    found: list[str] = []
    number = 2
    while len(found) < count:
        if (name := f"{first}~{number}") not in state.tasks:
            found.append(name)
        number += 1
    return found


def read(state: RunState, failed: TaskState, text: str) -> Remade:
    """`faults` say to the model what is wrong with its reply."""
    try:
        body: Any = canonical.loads(text)
    except ValueError as error:
        return Remade(faults=(f"the reply is not JSON: {error}",))
    rows: Any = cast("dict[str, Any]", body).get("tasks") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(map(_is_row, cast("list[Any]", rows))):
        return Remade(faults=("tasks must be a list of objects with id, objective, skill and needs",))
    given = cast("list[dict[str, Any]]", rows)
    reason = str(cast("dict[str, Any]", body).get("reason", ""))[:LONGEST]
    if len(given) > MOST_NEW:
        return Remade(faults=(f"there are {len(given)} tasks; at most {MOST_NEW} are allowed",))
    names = [str(row["id"]) for row in given]
    new = dict(zip(names, free_ids(state, failed.spec.id, len(given)), strict=True))
    done = {name for name, task in state.tasks.items() if task.status is TaskStatus.SUCCEEDED}
    if len(new) < len(given):
        return Remade(faults=("every task needs an id of its own",))
    lost = [need for row in given for need in row["needs"] if need not in new and need not in done]
    if lost:
        return Remade(faults=tuple(f"{need!r} is neither done nor new" for need in dict.fromkeys(lost)))
    tasks = tuple(_task(failed.spec, row, new) for row in given)
    return Remade(tasks=tasks, reason=reason, faults=_faults(state, tasks, given))


def _is_row(row: object) -> bool:
    if not isinstance(row, dict):
        return False
    known = cast("dict[str, Any]", row)
    needs: Any = known.get("needs")
    texts = all(isinstance(known.get(name), str) for name in ("id", "objective", "skill"))
    return texts and isinstance(needs, list) and all(isinstance(n, str) for n in cast("list[Any]", needs))


def _task(spec: PlanTask, row: dict[str, Any], new: dict[str, str]) -> PlanTask:
    """With the rights of the one in whose place it stands."""
    needs = [new.get(need, need) for need in cast("list[str]", row["needs"])]
    return PlanTask(
        id=new[row["id"]],
        objective=row["objective"],
        skill=row["skill"],
        needs=tuple(dict.fromkeys(needs)),
        criteria=spec.criteria,
        effect=spec.effect,
        budget_micros=spec.budget_micros,
    )


def _faults(state: RunState, tasks: Sequence[PlanTask], rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    if not tasks:
        return ()
    if len(state.tasks) + len(tasks) > plan.MAX_TASKS:
        return (f"the plan would have more than {plan.MAX_TASKS} tasks",)
    writes = [row["id"] for row in rows if row["skill"] == "writing"]
    if writes:
        return (f"{writes[0]!r} has the skill writing, which is not for the tasks of a plan",)
    return tuple(new_faults(state, tasks))


def new_faults(state: RunState, tasks: Sequence[PlanTask]) -> list[str]:
    """What keeps the plan from running once these tasks are in it, and does not now."""
    created, now = state.created, tuple(task.spec for task in state.tasks.values())
    known = (created.agents, frozenset(created.tools), created.decision_version)
    before = {one.text for one in plan.faults(now, *known)}
    return [one.text for one in plan.faults((*now, *tasks), *known) if one.text not in before]


def messages(state: RunState, failed: TaskState) -> tuple[Message, ...]:
    brief: dict[str, Any] = {
        "goal": state.created.goal,
        "failed": {
            "id": failed.spec.id,
            "objective": failed.spec.objective,
            "skill": failed.spec.skill,
            "agent": failed.agent.name if failed.agent else "",
            "error": failed.error[:LONGEST],
        },
        "needed_by": state.dependents[failed.spec.id],
        "done": [_done(task) for task in state.tasks.values() if task.status is TaskStatus.SUCCEEDED],
        "skills": sorted({s for agent in state.created.agents for s in agent.skills if s != "writing"}),
    }
    found = [
        Message(role="system", content=INSTRUCTIONS),
        Message(role="user", content=canonical.dumps(brief)),
    ]
    remedy = state.adapting.remedies.get(failed.spec.id)
    if remedy is not None and remedy.reply is not None:
        faults = "\n".join(f"- {one}" for one in read(state, failed, remedy.reply.text).faults)
        found.append(Message(role="assistant", content=remedy.reply.text))
        found.append(Message(role="user", content=f"That cannot be done:\n{faults}\nAnswer again."))
    return tuple(found)


def _done(task: TaskState) -> dict[str, Any]:
    finding = finding_of(task)
    output: Any = finding["text"] if finding is not None else task_output(task)
    text = output if isinstance(output, str) else canonical.dumps(output)
    return {"id": task.spec.id, "objective": task.spec.objective, "result": text[:LONGEST]}
