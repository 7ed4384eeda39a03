"""Plans: their schema for models, and the validation that every plan passes before it runs."""

from typing import Any, cast

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid

MAX_TASKS = 24

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


def faults(tasks: tuple[PlanTask, ...], agents: tuple[AgentVersion, ...], tools: frozenset[str]) -> list[str]:
    """Everything that keeps a plan from running; empty for a sound plan."""
    found: list[str] = []
    if not tasks:
        return ["the plan has no tasks"]
    if len(tasks) > MAX_TASKS:
        found.append(f"the plan has {len(tasks)} tasks; at most {MAX_TASKS} are allowed")
    ids = [task.id for task in tasks]
    found.extend(f"task id {i!r} occurs more than once" for i in sorted({i for i in ids if ids.count(i) > 1}))
    skills = {skill for agent in agents for skill in agent.skills}
    names = {agent.name for agent in agents}
    for task in tasks:
        found.extend(_task_faults(task, set(ids), skills, names, tools))
    cycle = _cycle(tasks)
    if cycle:
        found.append(f"the tasks need each other in a circle: {' → '.join(cycle)}")
    return found


def _task_faults(
    task: PlanTask, ids: set[str], skills: set[str], names: set[str], tools: frozenset[str]
) -> list[str]:
    found = [
        f"task {task.id!r} needs {need!r}, which no task produces" for need in task.needs if need not in ids
    ]
    if task.tool:
        if task.tool not in tools:
            found.append(f"task {task.id!r} calls the tool {task.tool!r}, which does not exist")
        return found
    if not task.objective.strip() and task.skill != "writing":
        found.append(f"task {task.id!r} has no objective")
    if task.agent and task.agent not in names:
        found.append(f"task {task.id!r} names the agent {task.agent!r}, which this run does not have")
    if not task.agent and task.skill not in skills:
        found.append(
            f"task {task.id!r} requires the skill {task.skill!r}; there is {', '.join(sorted(skills))}"
        )
    return found


def _cycle(tasks: tuple[PlanTask, ...]) -> list[str]:
    needs = {task.id: [n for n in task.needs if n != ""] for task in tasks}
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for need in needs.get(node, []):
            found = visit(need, [*path, node])
            if found:
                return found
        done.add(node)
        return []

    for task in tasks:
        found = visit(task.id, [])
        if found:
            return found
    return []


def check(tasks: tuple[PlanTask, ...], agents: tuple[AgentVersion, ...], tools: frozenset[str]) -> None:
    """Raises PlanInvalid that lists every fault."""
    found = faults(tasks, agents, tools)
    if found:
        raise PlanInvalid("the plan cannot run: " + "; ".join(found), context={"faults": found})


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
        raise PlanInvalid(
            f"the plan is not JSON of the plan schema ({error}); answer with the JSON object alone",
            context={"faults": [f"not JSON of the plan schema: {error}"]},
        ) from error


def with_writer(tasks: tuple[PlanTask, ...]) -> tuple[PlanTask, ...]:
    """Several results are brought together by a last task of the writer."""
    if len(tasks) < 2 or any(task.skill == "writing" for task in tasks):
        return tasks
    needs = tuple(task.id for task in tasks)
    return (*tasks, PlanTask(id="answer", objective="", skill="writing", needs=needs))
