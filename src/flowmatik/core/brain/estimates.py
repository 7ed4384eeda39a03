"""What a plan may take, as far as anybody can know before: the most that its calls of models may cost, and
the time that it waits by the clock. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import Estimate, PlanTask, SubRunSpec
from flowmatik.core.state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amount:
    least: int | None = 0
    most: int | None = 0
    calls: int | None = 0

    def plus(self, other: "_Amount") -> "_Amount":
        return _Amount(
            least=_sum(self.least, other.least),
            most=_sum(self.most, other.most),
            calls=_sum(self.calls, other.calls),
        )

    def times(self, count: int | None) -> "_Amount":
        if count is None:
            return _UNKNOWN
        return _Amount(
            least=None if self.least is None else self.least * count,
            most=None if self.most is None else self.most * count,
            calls=None if self.calls is None else self.calls * count,
        )

    def capped(self, micros: int | None) -> "_Amount":
        if micros is None or (self.most is not None and self.most <= micros):
            return self
        least = None if self.least is None else min(self.least, micros)
        return _Amount(least=least, most=micros, calls=self.calls)


_UNKNOWN = _Amount(least=None, most=None, calls=None)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def estimate(state: RunState, tasks: Sequence[PlanTask]) -> Estimate:
    by_skill: dict[str, list[AgentVersion]] = {}
    for agent in state.created.agents:
        for skill in agent.skills:
            by_skill.setdefault(skill, []).append(agent)
    known = _Known(
        by_name={name: one for one in state.created.agents for name in (one.name, one.ref())},
        by_skill=by_skill,
        turn_micros=state.created.turn_micros,
        tool_micros={name: one.price_micros for name, one in state.created.tools.items() if one.price_micros},
    )
    amount = known.of(tasks)
    return Estimate(
        least_micros=amount.least,
        most_micros=amount.most,
        least_seconds=least_seconds(tasks),
        calls=amount.calls,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    by_name: Mapping[str, AgentVersion]
    by_skill: Mapping[str, Sequence[AgentVersion]]
    turn_micros: Mapping[str, int]
    tool_micros: Mapping[str, int]

    def of(self, tasks: Sequence[PlanTask]) -> _Amount:
        total = _Amount()
        for task in tasks:
            amount = self._task(task)
            # A task with a condition may not be done at all.
            total = total.plus(
                _Amount(least=0, most=amount.most, calls=amount.calls) if task.when else amount
            )
        return total

    def _task(self, task: PlanTask) -> _Amount:
        if task.tool or task.wait:
            return self._step(task)
        if task.map is not None:
            items: Any = task.map.items
            count = len(cast("list[Any]", items)) if isinstance(items, list) else None
            return self._run(task.map.run).times(count).capped(task.budget_micros)
        if task.run is not None:
            return self._run(task.run).capped(task.budget_micros)
        named = self.by_name.get(task.agent)
        # Whoever takes it: the dearest of those that may.
        able = [named] if named is not None else self.by_skill.get(task.skill, ())
        amounts = [self._agent(agent) for agent in able]
        if not amounts or any(one.most is None for one in amounts):
            calls = max((one.calls or 0 for one in amounts), default=0)
            return _Amount(least=None, most=None, calls=calls or None).capped(task.budget_micros)
        dearest = max(amounts, key=lambda one: one.most or 0)
        least = min(one.least or 0 for one in amounts)
        calls = max(one.calls or 0 for one in amounts)
        return _Amount(least=least, most=dearest.most, calls=calls).capped(task.budget_micros)

    def _step(self, task: PlanTask) -> _Amount:
        price = self.tool_micros.get(task.tool, 0)
        undo = self.tool_micros.get(task.compensation.tool, 0) if task.compensation is not None else 0
        return _Amount(least=price, most=price + undo)

    def _agent(self, agent: AgentVersion) -> _Amount:
        turn = self.turn_micros.get(agent.ref())
        if turn is None:
            return _Amount(least=None, most=None, calls=agent.max_turns)
        least = 0 if agent.candidates else turn  # the prices of the cheaper ones are nobody's to promise
        pays = any(tool in self.tool_micros for tool in agent.tools)  # nobody knows how often
        most = _Amount(least=least, most=None if pays else turn * agent.max_turns, calls=agent.max_turns)
        return most.capped(agent.budget_micros)

    def _run(self, spec: SubRunSpec) -> _Amount:
        """A run that is planned when it begins may take anything."""
        if spec.plan:
            return self.of(spec.plan).capped(spec.budget_micros)
        named = self.by_name.get(spec.agent)
        if named is not None:
            return self._agent(named).capped(spec.budget_micros)
        return _UNKNOWN.capped(spec.budget_micros)


def least_seconds(tasks: Sequence[PlanTask]) -> float:
    """What passes at least: of everything that a plan waits for, only a time is certain to. A task with a
    condition may be skipped, and with it what it waits for."""
    by_id = {task.id: task for task in tasks}
    if not any(_waits(task) for task in tasks):
        return 0.0
    ends: dict[str, float] = {}
    stack = [(task.id, False) for task in reversed(tasks)]
    while stack:
        name, needed = stack.pop()
        if name in ends:
            continue
        needs = [need for need in by_id[name].needs if need in by_id]
        if not needed:
            stack.append((name, True))
            stack.extend((need, False) for need in needs if need not in ends)
            continue
        before = max((ends.get(need, 0.0) for need in needs), default=0.0)
        ends[name] = before + _seconds(by_id[name])
    return max(ends.values(), default=0.0)


def _waits(task: PlanTask) -> bool:
    if task.wait is not None:
        return task.wait.seconds is not None
    return task.below is not None and any(map(_waits, task.below.plan))


def _seconds(task: PlanTask) -> float:
    if task.when:
        return 0.0
    if task.wait is not None:
        return task.wait.seconds or 0.0
    return least_seconds(task.run.plan) if task.run is not None else 0.0
