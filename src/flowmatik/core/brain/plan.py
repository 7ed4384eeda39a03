"""Plans: their schema for models, and the validation that every plan passes before it runs."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import MAX_ALTERNATIVES, Plan, PlanTask
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.core import events as ev
from flowmatik.core.brain.conditions import condition_faults
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.plan_compensations import compensation_faults
from flowmatik.core.brain.plan_criteria import criteria_faults
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.plan_patterns import pattern_faults
from flowmatik.core.brain.plan_waits import approval_faults, wait_faults
from flowmatik.core.brain.subplans import below_faults, within_task
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid

MAX_TASKS = 24  # of a plan that a model makes; whoever writes plans may write longer ones
NAMED = 4  # the decision version from which a task without an id is a fault, and too many are the only one

_TASKS: dict[str, Any] = {
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
}
_REASON = {"type": "string", "description": "one sentence: why this plan"}
PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"reason": _REASON, "tasks": _TASKS},
    "required": ["reason", "tasks"],
    "additionalProperties": False,
}
PLANS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": _REASON,
        "tasks": _TASKS,
        "alternatives": {
            "type": "array",
            "description": f"up to {MAX_ALTERNATIVES} other plans, if there are good ones, else none",
            "maxItems": MAX_ALTERNATIVES,
            "items": PLAN_SCHEMA,
        },
    },
    "required": ["reason", "tasks", "alternatives"],
    "additionalProperties": False,
}


def schema_of(version: int) -> dict[str, Any]:
    """Of what a model answers with. `version`: of the decision logic."""
    return PLANS_SCHEMA if version >= BRAIN else PLAN_SCHEMA


def faults(
    tasks: tuple[PlanTask, ...],
    agents: tuple[AgentVersion, ...],
    tools: frozenset[str],
    version: int = ev.DECISION_VERSION,
    most: int = MAX_TASKS,
) -> list[Fault]:
    """Everything that keeps a plan from running; empty for a sound plan. `version`: of the decision logic;
    `most`: how many tasks it may have, and each plan of its sub-runs."""
    skills = {skill for agent in agents for skill in agent.skills}
    by_objective = version >= BRAIN and any(agent.examples for agent in agents)
    known = _Known(
        skills=", ".join(sorted(skills)),
        skill_names=skills | {""} if by_objective else skills,  # the router finds who does such tasks
        agents={agent.name for agent in agents},
        refs={name for agent in agents for name in (agent.name, agent.ref())},
        tools=tools - TEAM_TOOLS.keys(),
        version=version,
        most=most,
    )
    return _faults(tasks, known, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What plans may name, gathered once."""

    skills: str
    skill_names: set[str]
    agents: set[str]
    refs: set[str]
    tools: frozenset[str]
    version: int
    most: int


def _faults(tasks: tuple[PlanTask, ...], known: _Known, depth: int) -> list[Fault]:
    found: list[Fault] = []
    if not tasks:
        return [fault("the plan has no tasks", "empty")]
    if len(tasks) > known.most:
        text = f"the plan has {len(tasks)} tasks; at most {known.most} are allowed"
        found.append(fault(text, "large", count=len(tasks), most=known.most))
    if known.version >= NAMED:
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

    def nested(inner: tuple[PlanTask, ...], within: str, depth: int) -> list[Fault]:
        return [within_task(one, within) for one in _faults(inner, known, depth)]

    for task in tasks:
        found.extend(_task_faults(task, ids.keys(), known))
        found.extend(below_faults(task, known.refs, nested, depth))
    cycle = _cycle(tasks)
    if not cycle:
        found.extend(pattern_faults(tasks, known.refs))
    else:
        way = " → ".join(cycle)
        found.append(fault(f"the tasks need each other in a circle: {way}", "circle", way=way))
    return found


def _task_faults(task: PlanTask, ids: Collection[str], known: _Known) -> list[Fault]:
    me = f"task {task.id!r}"
    found = [
        fault(f"{me} needs {need!r}, which no task produces", "needs", task=task.id, need=need)
        for need in task.needs
        if need not in ids
    ]
    found.extend(compensation_faults(task, known.tools))
    found.extend(criteria_faults(task))
    found.extend(condition_faults(task))
    if task.approval is not None:
        found.extend(approval_faults(task, task.approval))
    if task.wait is not None:
        return [*found, *wait_faults(task, task.wait)]
    if task.below is not None or task.vote is not None:
        return found
    if task.tool:
        if task.tool not in known.tools:
            text = f"{me} calls the tool {task.tool!r}, which does not exist"
            found.append(fault(text, "tool", task=task.id, tool=task.tool))
        return found
    if not task.objective.strip() and task.skill != "writing":
        found.append(fault(f"{me} has no objective", "objective", task=task.id))
    if task.agent and task.agent not in known.agents:
        text = f"{me} names the agent {task.agent!r}, which this run does not have"
        found.append(fault(text, "agent", task=task.id, agent=task.agent))
    if not task.agent and task.skill not in known.skill_names:
        text = f"{me} requires the skill {task.skill!r}; there is {known.skills}"
        found.append(fault(text, "skill", task=task.id, skill=task.skill, known=known.skills))
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
        raise invalid("the plan cannot run", found)


def invalid(what: str, found: list[Fault]) -> PlanInvalid:
    lines = [one.text for one in found]
    details = [asdict(one) for one in found]
    return PlanInvalid(f"{what}: {'; '.join(lines)}", context={"faults": lines, "details": details})


def parse_model_plan(text: str) -> Plan:
    """The plan in a model's structured output. Raises PlanInvalid when it cannot be read."""
    return parse_model_plans(text)[0]


def parse_model_plans(text: str) -> list[Plan]:
    """With the other plans that it would take, after the first. Raises as `parse_model_plan`; of others that
    cannot be read nothing is said, for the first one stands."""
    raw = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        data = cast("dict[str, Any]", canonical.loads(raw))
        first = _plan_in(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        unread = fault(f"not JSON of the plan schema: {error}", "not_json", said=str(error))
        raise invalid("answer with the JSON object alone", [unread]) from error
    return [first, *_others(data.get("alternatives"))]


def _plan_in(data: dict[str, Any]) -> Plan:
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


def _others(given: object) -> Iterator[Plan]:
    rows = cast("list[Any]", given) if isinstance(given, list) else []
    for row in rows[:MAX_ALTERNATIVES]:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            yield _plan_in(row)


def written(state: RunState, tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
    """With a writer for several results, if an agent of the run writes: else they stand side by side."""
    writes = any("writing" in agent.skills for agent in state.created.agents)
    return with_writer(tasks) if writes or state.created.decision_version < BRAIN else tasks


def with_writer(tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
    """Several results are brought together by a last task of the writer."""
    if len(tasks) < 2 or any(task.skill == "writing" for task in tasks):
        return tasks
    needs = tuple(task.id for task in tasks)
    return (*tasks, PlanTask(id="answer", objective="", skill="writing", needs=needs))
