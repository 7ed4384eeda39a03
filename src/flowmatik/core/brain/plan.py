"""Plans: their schema for models, and the validation that every plan passes before it runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, cast

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.core import events as ev
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.plan_compensations import compensation_faults
from flowmatik.core.brain.plan_criteria import criteria_faults
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.plan_patterns import pattern_faults
from flowmatik.core.brain.plan_waits import approval_faults, wait_faults
from flowmatik.core.brain.subplans import below_faults, within_task
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid

MAX_TASKS = 24
NAMED = 4  # the decision version from which a task without an id is a fault, and too many are the only one

PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "one sentence: why this plan"},
        "tasks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "short and unique, such as t1"},
                    "objective": {"type": "string", "description": "self-contained, in the goal's language"},
                    "skill": {"type": "string", "description": "one of the listed skills"},
                    "needs": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["id", "objective", "skill", "needs"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["reason", "tasks"],
    "additionalProperties": False,
}


def faults(
    tasks: tuple[PlanTask, ...],
    agents: tuple[AgentVersion, ...],
    tools: frozenset[str],
    version: int = ev.DECISION_VERSION,
) -> list[Fault]:
    """Everything that keeps a plan from running; empty for a sound plan. `version`: of the decision logic."""
    return _faults(tasks, agents, tools - TEAM_TOOLS.keys(), version, 0)


def _faults(
    tasks: tuple[PlanTask, ...],
    agents: tuple[AgentVersion, ...],
    tools: frozenset[str],
    version: int,
    depth: int,
) -> list[Fault]:
    found: list[Fault] = []
    if not tasks:
        return [fault("the plan has no tasks", "empty")]
    if len(tasks) > MAX_TASKS:
        text = f"the plan has {len(tasks)} tasks; at most {MAX_TASKS} are allowed"
        found.append(fault(text, "large", count=len(tasks), most=MAX_TASKS))
    if version >= NAMED:
        if found:
            return found  # the others would bury it
        found.extend(
            fault(f"task number {n} has no id", "nameless", number=n)
            for n, task in enumerate(tasks, start=1)
            if not task.id.strip()
        )
    ids = Counter(task.id for task in tasks)
    found.extend(
        fault(f"task id {i!r} occurs more than once", "twice", task=i)
        for i in sorted(i for i, times in ids.items() if times > 1)
    )
    skills = {skill for agent in agents for skill in agent.skills}
    if version >= BRAIN and any(agent.examples for agent in agents):
        skills.add("")  # the router finds by the objective who does such tasks
    names, refs = {agent.name for agent in agents}, {agent.ref() for agent in agents}

    def nested(inner: tuple[PlanTask, ...], within: str, depth: int) -> list[Fault]:
        return [within_task(one, within) for one in _faults(inner, agents, tools, version, depth)]

    for task in tasks:
        found.extend(_task_faults(task, set(ids), skills, names, tools))
        found.extend(below_faults(task, names | refs, nested, depth))
    cycle = _cycle(tasks)
    if not cycle:
        found.extend(pattern_faults(tasks, names | refs))
    else:
        way = " → ".join(cycle)
        found.append(fault(f"the tasks need each other in a circle: {way}", "circle", way=way))
    return found


def _task_faults(
    task: PlanTask, ids: set[str], skills: set[str], names: set[str], tools: frozenset[str]
) -> list[Fault]:
    me = f"task {task.id!r}"
    found = [
        fault(f"{me} needs {need!r}, which no task produces", "needs", task=task.id, need=need)
        for need in task.needs
        if need not in ids
    ]
    found.extend(compensation_faults(task, tools))
    found.extend(criteria_faults(task))
    if task.approval is not None:
        found.extend(approval_faults(task, task.approval))
    if task.wait is not None:
        return [*found, *wait_faults(task, task.wait)]
    if task.below is not None or task.vote is not None:
        return found
    if task.tool:
        if task.tool not in tools:
            text = f"{me} calls the tool {task.tool!r}, which does not exist"
            found.append(fault(text, "tool", task=task.id, tool=task.tool))
        return found
    if not task.objective.strip() and task.skill != "writing":
        found.append(fault(f"{me} has no objective", "objective", task=task.id))
    if task.agent and task.agent not in names:
        text = f"{me} names the agent {task.agent!r}, which this run does not have"
        found.append(fault(text, "agent", task=task.id, agent=task.agent))
    if not task.agent and task.skill not in skills:
        known = ", ".join(sorted(skills - {""}))
        text = f"{me} requires the skill {task.skill!r}; there is {known}"
        found.append(fault(text, "skill", task=task.id, skill=task.skill, known=known))
    return found


def _cycle(tasks: tuple[PlanTask, ...]) -> list[str]:
    """The first circle, from where the tasks in their order lead into it. Without recursion: a chain may be
    longer than the stack is deep."""
    needs = {task.id: [n for n in task.needs if n != ""] for task in tasks}
    done: set[str] = set()
    for task in tasks:
        path: dict[str, Iterator[str]] = {}  # ordered; of each task on it, what is left to look at
        node: str | None = task.id
        while node is not None:
            if node in path:
                way = list(path)
                return [*way[way.index(node) :], node]
            if node not in done:
                path[node] = iter(needs.get(node, []))
            node = _next(path, done)
    return []


def _next(path: dict[str, Iterator[str]], done: set[str]) -> str | None:
    """What the last task on the path that still needs something needs next."""
    while path:
        last, left = next(reversed(path.items()))
        if (need := next(left, None)) is not None:
            return need
        del path[last]
        done.add(last)
    return None


def check(
    tasks: tuple[PlanTask, ...],
    agents: tuple[AgentVersion, ...],
    tools: frozenset[str],
    version: int = ev.DECISION_VERSION,
) -> None:
    """Raises PlanInvalid that lists every fault."""
    found = faults(tasks, agents, tools, version)
    if found:
        raise _invalid("the plan cannot run", found)


def _invalid(what: str, found: list[Fault]) -> PlanInvalid:
    lines = [one.text for one in found]
    details = [asdict(one) for one in found]
    return PlanInvalid(f"{what}: {'; '.join(lines)}", context={"faults": lines, "details": details})


def parse_model_plan(text: str) -> Plan:
    """The plan in a model's structured output. Raises PlanInvalid when it cannot be read."""
    raw = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        data = cast("dict[str, Any]", canonical.loads(raw))
        tasks = tuple(
            PlanTask(
                id=str(item["id"]),
                objective=str(item["objective"]),
                skill=str(item["skill"]),
                needs=tuple(str(n) for n in item.get("needs", [])),
            )
            for item in cast("list[dict[str, Any]]", data["tasks"])
        )
        return Plan(planner="model", tasks=tasks, reason=str(data.get("reason", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        unread = fault(f"not JSON of the plan schema: {error}", "not_json", said=str(error))
        raise _invalid("answer with the JSON object alone", [unread]) from error


def with_writer(tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
    """Several results are brought together by a last task of the writer."""
    if len(tasks) < 2 or any(task.skill == "writing" for task in tasks):
        return tasks
    needs = tuple(task.id for task in tasks)
    return (*tasks, PlanTask(id="answer", objective="", skill="writing", needs=needs))
