"""The items of a map, and one item put into the template of its run. Nothing is evaluated: a placeholder
is replaced by data, wherever it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.plans import ITEM, ITEM_TEXT, MOST_ITEMS, MapSpec, PlanTask, SubRunSpec
from flowmatik.core.brain.prompts import task_output
from flowmatik.core.brain.subplans import source_of
from flowmatik.core.engine.library import Library
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput


async def items_of(state: RunState, spec: MapSpec, library: Library) -> Sequence[Any]:
    """The same at any time: outputs of tasks that ended, and blobs, never change. Raises InvalidInput
    (`subrun.items`) when there is no list where the plan says so."""
    workspace_id = state.created.workspace_id
    source = source_of(spec.items)
    if source is None:
        found = await library.whole(workspace_id, spec.items)
    else:
        task_id, path = source
        output = await library.whole(workspace_id, task_output(state.tasks[task_id]))
        found = await library.whole(workspace_id, at_path(output, path))
    if not isinstance(found, list):
        raise InvalidInput(
            f"the items of the map are {type(found).__name__}, not a list; name the path of a list",
            code="subrun.items",
            context={"kind": type(found).__name__},
        )
    items = cast("list[Any]", found)
    if len(items) > MOST_ITEMS:
        raise InvalidInput(
            f"the map has {len(items):,} items; at most {MOST_ITEMS:,} are allowed: map over parts of them",
            code="subrun.items.many",
            context={"count": len(items), "most": MOST_ITEMS},
        )
    return items


def at_path(value: Any, path: str) -> Any:
    """What lies at `a.b.0` in JSON; all of it for "". Raises InvalidInput (`subrun.path`)."""
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping) and step in value:
            value = cast("Mapping[str, Any]", value)[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(step)]
        else:
            raise InvalidInput(
                f"there is nothing at {path!r}: {step!r} is missing",
                code="subrun.path",
                context={"path": path, "step": step},
            )
    return value


def filled(spec: SubRunSpec, item: Any) -> SubRunSpec:
    """The template with the item in it."""
    text = item if isinstance(item, str) else canonical.dumps(item)
    return _spec_filled(spec, item, text)


def _spec_filled(spec: SubRunSpec, item: Any, text: str) -> SubRunSpec:
    plan = tuple(_task_filled(task, item, text) for task in spec.plan)
    return replace(spec, goal=spec.goal.replace(ITEM_TEXT, text), plan=plan)


def _task_filled(task: PlanTask, item: Any, text: str) -> PlanTask:
    """A map within has items of its own, to which its template's placeholders belong."""
    within = task.map
    return replace(
        task,
        objective=task.objective.replace(ITEM_TEXT, text),
        arguments=_value_filled(task.arguments, item),
        run=None if task.run is None else _spec_filled(task.run, item, text),
        map=None if within is None else replace(within, items=_value_filled(within.items, item)),
    )


def _value_filled(value: Any, item: Any) -> Any:
    if isinstance(value, list):
        return [_value_filled(one, item) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    known = cast("dict[str, Any]", value)
    path = known.get(ITEM)
    if len(known) == 1 and isinstance(path, str):
        return at_path(item, path)
    return {name: _value_filled(one, item) for name, one in known.items()}
