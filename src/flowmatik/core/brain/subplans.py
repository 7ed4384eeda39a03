"""What keeps a task from being a run of its own, or one for each of many items."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.plans import DEEPEST_RUN, MOST_CONCURRENT, MOST_ITEMS, MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import LANGUAGES, MAX_BUDGET_MICROS, MAX_DEADLINE_SECONDS, MAX_GOAL_CHARACTERS
from flowmatik.core.brain.plan_faults import Fault, fault

Nested = Callable[[tuple[PlanTask, ...], str, int], list[Fault]]


def within_task(one: Fault, task_id: str) -> Fault:
    """A fault of the plan of that task's sub-run."""
    return replace(one, text=f"in task {task_id!r}: {one.text}", place=f"{task_id}/{one.place}".rstrip("/"))


def below_faults(task: PlanTask, agents: set[str], nested: Nested, depth: int) -> list[Fault]:
    """`nested` finds the faults of a plan in a task at a depth."""
    spec = task.below
    if spec is None:
        return []
    found: list[Fault] = []
    if bool(task.tool) + sum(one is not None for one in (task.wait, task.run, task.map)) > 1:
        text = f"task {task.id!r} is more than one of a tool's call, a wait, a run and a map; part them"
        found.append(fault(text, "one_kind", task=task.id))
    if depth + 1 >= DEEPEST_RUN:
        text = f"task {task.id!r} is a run in more than {DEEPEST_RUN - 1} others; plan it flatter"
        return [*found, fault(text, "depth", task=task.id, most=DEEPEST_RUN - 1)]
    found += _spec_faults(task, spec, agents)
    if task.map is not None:
        found += _map_faults(task, task.map)
    if spec.plan:
        found += nested(spec.plan, task.id, depth + 1)
    return found


def _spec_faults(task: PlanTask, spec: SubRunSpec, agents: set[str]) -> list[Fault]:
    me, found = f"task {task.id!r}", list[Fault]()
    if not spec.goal.strip() or len(spec.goal) > MAX_GOAL_CHARACTERS:
        text = f"{me} is a run whose goal is empty or above {MAX_GOAL_CHARACTERS:,} characters"
        found.append(fault(text, "goal", task=task.id, most=MAX_GOAL_CHARACTERS))
    if spec.agent and spec.agent not in agents:
        text = f"{me} names the agent {spec.agent!r}, which this run does not have"
        found.append(fault(text, "agent", task=task.id, agent=spec.agent))
    if not spec.agent and not spec.plan and not agents:
        text = f"{me} is a run without a plan, and there are no agents to plan it for"
        found.append(fault(text, "no_agents", task=task.id))
    amounts = (spec.budget_micros, task.budget_micros)
    if any(one is not None and not 0 <= one <= MAX_BUDGET_MICROS for one in amounts):
        text = f"{me} has a budget that is below 0 or above {MAX_BUDGET_MICROS:,} micro-dollars"
        found.append(fault(text, "budget", task=task.id, most=MAX_BUDGET_MICROS))
    seconds = spec.deadline_seconds
    if seconds is not None and not 0 < seconds <= MAX_DEADLINE_SECONDS:
        most = f"at most {MAX_DEADLINE_SECONDS:,} s"
        text = f"{me} has a deadline of {seconds} s; it must be more than 0 and {most}"
        found.append(fault(text, "deadline", task=task.id, seconds=seconds, most=MAX_DEADLINE_SECONDS))
    if spec.language and spec.language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        text = f"{me} asks for the language {spec.language!r}; there is {known}"
        found.append(fault(text, "language", task=task.id, language=spec.language, known=known))
    return found


def _map_faults(task: PlanTask, spec: MapSpec) -> list[Fault]:
    me, found = f"task {task.id!r}", list[Fault]()
    items: Any = spec.items
    source = source_of(items)
    if isinstance(items, list):
        count = len(cast("list[Any]", items))
        if count > MOST_ITEMS:
            text = f"{me} has {count:,} items; at most {MOST_ITEMS:,} are allowed"
            found.append(fault(text, "items.many", task=task.id, count=count, most=MOST_ITEMS))
    elif source is not None:
        if source[0] not in task.needs:
            text = f"{me} takes its items from task {source[0]!r}, which is not among its needs; add it there"
            found.append(fault(text, "items.needs", task=task.id, need=source[0]))
    elif reference_in(items) is None:
        text = (
            f'{me} has items that are neither a list, nor {{"task": id, "path": "…"}}, nor {{"$blob": {{…}}}}'
        )
        found.append(fault(text, "items.kind", task=task.id))
    if not 1 <= spec.concurrency <= MOST_CONCURRENT:
        text = f"{me} has the concurrency {spec.concurrency}; it must be from 1 to {MOST_CONCURRENT:,}"
        found.append(
            fault(text, "concurrency", task=task.id, concurrency=spec.concurrency, most=MOST_CONCURRENT)
        )
    if isinstance(spec.on_failure, int) and spec.on_failure < 0:
        text = f"{me} permits {spec.on_failure} failures; it must be 0 or more"
        found.append(fault(text, "failures", task=task.id, failures=spec.on_failure))
    return found


def source_of(items: object) -> tuple[str, str] | None:
    """(task, path) when the items come from an earlier task."""
    if not isinstance(items, dict):
        return None
    known = cast("dict[str, Any]", items)
    task, path = known.get("task"), known.get("path", "")
    if not known.keys() <= {"task", "path"} or not isinstance(task, str) or not isinstance(path, str):
        return None
    return task, path
