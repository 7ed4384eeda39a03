"""What a plan may do: no more than the agents that are there may. A step that calls a tool without an agent
would else pass by every profile, and by the people whom a profile asks first. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.subplans import within_task

Plan = tuple[PlanTask, ...]


def named_in(plan: Plan, agent: str) -> Iterator[str]:
    """The agents by whom the steps of a plan are permitted; "" is any. `agent`: the run's."""
    for task in plan:
        yield task.agent or agent
        if task.below is not None:
            yield from named_in(task.below.plan, task.below.agent or agent)


def known_here(agents: Sequence[AgentVersion]) -> "Agents":
    """For plans that are made within a run: of the agents that it is pinned to."""
    by_name: dict[str, list[AgentVersion]] = {"": list(agents)}
    for one in agents:
        by_name.setdefault(one.name, [one])
        by_name[one.ref()] = [one]
    return by_name


Agents = Mapping[str, Sequence[AgentVersion]]  # by name or reference; "" are all


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """`tools`: those that there are; what others a plan names is for its validation to say."""

    agents: Agents
    tools: Collection[str]

    def of(self, plan: Plan, agent: str) -> tuple[Plan, list[Fault]]:
        """The plan with the approvals that profiles ask for, and what it may not do. A step is permitted by
        the agent that it names, else by its run's (`agent`), else by any."""
        tasks: list[PlanTask] = []
        found: list[Fault] = []
        for given in plan:
            task, faults = self._task(given, agent)
            tasks.append(task)
            found += faults
        return tuple(tasks), found

    def _task(self, task: PlanTask, agent: str) -> tuple[PlanTask, list[Fault]]:
        found: list[Fault] = []
        if task.tool in self.tools:
            asked, found = self._step(task, agent)
            task = task if asked == task.approval else replace(task, approval=asked)
        if task.compensation is not None and task.compensation.tool in self.tools:
            found = found + self._undoing(task, task.compensation.tool, agent)
        if task.run is not None:
            inner, wrong = self._below(task, task.run, agent)
            task, found = replace(task, run=inner), found + wrong
        if task.map is not None:
            inner, wrong = self._below(task, task.map.run, agent)
            task, found = replace(task, map=replace(task.map, run=inner)), found + wrong
        return task, found

    def _below(self, task: PlanTask, spec: SubRunSpec, agent: str) -> tuple[SubRunSpec, list[Fault]]:
        plan, wrong = self.of(spec.plan, spec.agent or agent)
        return replace(spec, plan=plan), [within_task(one, task.id) for one in wrong]

    def _step(self, task: PlanTask, agent: str) -> tuple[ApprovalPolicy | None, list[Fault]]:
        """Who is asked before the step's tool is called."""
        able, wrong = self._able(task, task.tool, agent)
        policies = [one.approvals.get(task.tool) for one in able]
        if wrong or not all(policies):
            return task.approval, wrong
        if task.approval not in (None, *policies):
            text = (
                f"task {task.id!r} has an approval of its own, but the profile of {able[0].name!r} says who "
                f"decides about {task.tool!r}; leave it out"
            )
            return task.approval, [_fault(task, text, "rights.approval", agent=able[0].name, tool=task.tool)]
        return task.approval or policies[0], []

    def _undoing(self, task: PlanTask, tool: str, agent: str) -> list[Fault]:
        able, wrong = self._able(task, tool, agent)
        if wrong or not all(tool in one.approvals for one in able):
            return wrong
        text = (
            f"the compensation of task {task.id!r} calls {tool!r}, about which people decide by the profile "
            f"of {able[0].name!r}; nothing is asked when something is taken back: use another tool"
        )
        return [_fault(task, text, "rights.undo", agent=able[0].name, tool=tool)]

    def _able(self, task: PlanTask, tool: str, agent: str) -> tuple[Sequence[AgentVersion], list[Fault]]:
        """The agents that permit the call."""
        name = task.agent or agent
        agents = self.agents.get(name, ())
        able = [one for one in agents if tool in one.tools]
        if able:
            return able, []
        if name and not agents:
            text = f"task {task.id!r} names the agent {name!r}, which this run does not have"
            return [], [_fault(task, text, "agent", agent=name)]
        if name:
            text = (
                f"task {task.id!r} calls the tool {tool!r}, which the profile of the agent {name!r} does not "
                "have; add it there, or name another agent"
            )
            return [], [_fault(task, text, "rights.agent", agent=name, tool=tool)]
        text = (
            f"task {task.id!r} calls the tool {tool!r}, which no agent of the workspace may use; add it to "
            "the tools of a profile"
        )
        return [], [_fault(task, text, "rights.nobody", tool=tool)]


def _fault(task: PlanTask, text: str, code: str, **values: object) -> Fault:
    return fault(text, code, task=task.id, **values)
