"""What a plan from outside may do: no more than the agents of the workspace may. A step that calls a tool
without an agent would else pass by every profile, and by the people whom a profile asks first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowmatik.contracts.agents import AgentDirectory, AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.tools import ToolSpec
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.subplans import within_task
from flowmatik.kernel.errors import NotFound

Plan = tuple[PlanTask, ...]


async def permitted(
    directory: AgentDirectory, tools: Mapping[str, ToolSpec], workspace_id: str, agent: str, plan: Plan
) -> tuple[Plan, list[Fault]]:
    """The plan with the approvals that profiles ask for, and what it may not do. A step is permitted by the
    agent that it names, else by its run's, else by any that the workspace has. `agent`: the run's."""
    rights = _Rights(directory=directory, tools=tools, workspace_id=workspace_id)
    return await rights.of(plan, agent)


@dataclass(slots=True, kw_only=True)
class _Rights:
    directory: AgentDirectory
    tools: Mapping[str, ToolSpec]
    workspace_id: str
    _known: dict[str, list[AgentVersion]] = field(default_factory=lambda: {})

    async def of(self, plan: Plan, agent: str) -> tuple[Plan, list[Fault]]:
        tasks: list[PlanTask] = []
        found: list[Fault] = []
        for given in plan:
            task, faults = await self._task(given, agent)
            tasks.append(task)
            found += faults
        return tuple(tasks), found

    async def _task(self, task: PlanTask, agent: str) -> tuple[PlanTask, list[Fault]]:
        found: list[Fault] = []
        if task.tool in self.tools:
            asked, wrong = await self._step(task, agent)
            task, found = replace(task, approval=asked), wrong
        if task.compensation is not None and task.compensation.tool in self.tools:
            found += await self._undoing(task, task.compensation.tool, agent)
        if task.run is not None:
            inner, wrong = await self._below(task, task.run, agent)
            task, found = replace(task, run=inner), found + wrong
        if task.map is not None:
            inner, wrong = await self._below(task, task.map.run, agent)
            task, found = replace(task, map=replace(task.map, run=inner)), found + wrong
        return task, found

    async def _below(self, task: PlanTask, spec: SubRunSpec, agent: str) -> tuple[SubRunSpec, list[Fault]]:
        plan, wrong = await self.of(spec.plan, spec.agent or agent)
        return replace(spec, plan=plan), [within_task(one, task.id) for one in wrong]

    async def _step(self, task: PlanTask, agent: str) -> tuple[ApprovalPolicy | None, list[Fault]]:
        """Who is asked before the step's tool is called."""
        able, wrong = await self._able(task, task.tool, agent)
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

    async def _undoing(self, task: PlanTask, tool: str, agent: str) -> list[Fault]:
        able, wrong = await self._able(task, tool, agent)
        if wrong or not all(tool in one.approvals for one in able):
            return wrong
        text = (
            f"the compensation of task {task.id!r} calls {tool!r}, about which people decide by the profile "
            f"of {able[0].name!r}; nothing is asked when something is taken back: use another tool"
        )
        return [_fault(task, text, "rights.undo", agent=able[0].name, tool=tool)]

    async def _able(
        self, task: PlanTask, tool: str, agent: str
    ) -> tuple[Sequence[AgentVersion], list[Fault]]:
        """The agents that permit the call."""
        name = task.agent or agent
        agents = await self._agents(name)
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

    async def _agents(self, ref: str) -> list[AgentVersion]:
        if ref not in self._known:
            try:
                listed = self.directory.get(self.workspace_id, ref) if ref else None
                self._known[ref] = [await listed] if listed else await self.directory.list(self.workspace_id)
            except NotFound:
                self._known[ref] = []
        return self._known[ref]


def _fault(task: PlanTask, text: str, code: str, **values: object) -> Fault:
    return fault(text, code, task=task.id, **values)
