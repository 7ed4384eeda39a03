"""Runs within runs in a simulated life, and what must hold of every family."""

import random
from collections.abc import Callable, Mapping
from typing import TypeVar

from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.core import events as ev
from flowmatik.core.journal.port import RunHead, StoredEvent
from tests.simulation.books import costs
from tests.simulation.reading import decoded
from tests.simulation.steps import Walk, check_rights

T = TypeVar("T")
Steps = Callable[[random.Random, int], tuple[PlanTask, ...]]


def families(chance: random.Random, steps: Steps) -> tuple[PlanTask, ...]:
    """A task that is a run, perhaps with one within it, or a map over a few items, or both."""
    kind = chance.choice(["run", "run", "map", "map", "both"])
    tasks: list[PlanTask] = []
    if kind != "map":
        inner = _run(chance, steps, "inner")
        outer = SubRunSpec(goal="outer", plan=(PlanTask(id="within", objective="", run=inner),))
        tasks.append(PlanTask(id="part", objective="", run=chance.choice([inner, outer])))
    if kind != "run":
        each = MapSpec(
            items=list(range(chance.randint(0, 6))),
            run=_run(chance, steps, "item {item}"),
            concurrency=chance.randint(1, 4),
            on_failure=chance.choice(["fail", "continue", 1]),
        )
        tasks.append(PlanTask(id="each", objective="", map=each))
    return tuple(tasks)


def _run(chance: random.Random, steps: Steps, goal: str) -> SubRunSpec:
    if chance.random() < 0.3:
        asks = PlanTask(id="q", objective="ask", agent="clerk", criteria=())
        return SubRunSpec(goal=goal, plan=(asks,), budget_micros=chance.choice([None, 100, 120]))
    return SubRunSpec(goal=goal, plan=steps(chance, chance.randint(1, 2)))


def check_family(
    head: RunHead,
    histories: Mapping[str, list[StoredEvent]],
    heads: Mapping[str, RunHead],
    walks: Mapping[str, Walk],
) -> None:
    """Each sub-run that a run asked for is one run, which ended and was heard of once; there are no others;
    and what their parent cost is what it spent itself and what they cost, once each, also those that it did
    not wait for. A run that was cancelled hard waited for none of those under way."""
    asked = {one.child_id: one for one in _of(ev.SubRunRequested, histories[head.run_id])}
    ended = [one.child_id for one in _of(ev.SubRunEnded, histories[head.run_id])]
    told = f"{head.run_id}: {' '.join(event.type for event in histories[head.run_id])}"
    if is_hard(histories[head.run_id]):
        assert set(ended) <= asked.keys(), told
        assert len(set(ended)) == len(ended), told
    else:
        assert sorted(asked) == sorted(ended), f"sub-runs that were asked for and that ended differ: {told}"
    places = [(one.task_id, one.item, one.tool_call_id) for one in asked.values()]
    assert len(places) == len(set(places)), f"an item has two runs: {told}"
    children = {run_id for run_id, one in heads.items() if one.parent == head.run_id}
    assert children <= asked.keys(), f"children that nobody asked for: {children - asked.keys()} {told}"
    own = sum(cost for _, cost in costs(histories[head.run_id]))
    below = sum(heads[child].cost_micros for child in children)
    assert head.cost_micros == own + below, (
        f"it cost {own}, the sub-runs {below}, and all {head.cost_micros}: {told}"
    )
    for child in children:
        budget = asked[child].budget_micros
        spent = heads[child].cost_micros
        assert budget is None or spent <= budget, f"{spent} of {budget} were spent by {child}"
        check_rights(walks[head.run_id].state, walks[child].state, asked[child])
    if head.parent:
        assert heads[head.parent].ended_at, f"a parent waits for ever: {heads[head.parent]}"


def is_hard(history: list[StoredEvent]) -> bool:
    return any(one.hard for one in _of(ev.CancelRequested, history))


def _of(kind: type[T], history: list[StoredEvent]) -> list[T]:
    return [event for event in map(decoded, history) if isinstance(event, kind)]
