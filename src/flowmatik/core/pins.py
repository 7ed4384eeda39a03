"""What a run is pinned to: the agents and tools that it and the runs within it may need, so that later
changes touch none of them, however long it takes until the last one begins."""

from collections.abc import Iterator, Mapping, Sequence

from flowmatik.contracts.agents import AgentDirectory, AgentVersion
from flowmatik.contracts.channels import AssignedVersion
from flowmatik.contracts.criteria import CitationsSupport
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.contracts.tools import ToolSpec
from flowmatik.core import events as ev
from flowmatik.core.guards.goals import planners
from flowmatik.core.services import EngineServices

CITATIONS_CHECK = "citations_check"
MICROS = 1_000_000
ALWAYS_PINNED = ("memory_search", "tables_describe", CITATIONS_CHECK)


class Choice:
    """Which versions a run is given: the same ones whenever it is asked for with the same key."""

    def __init__(self, services: EngineServices, new: NewRun, run_id: str) -> None:
        self.run_id = run_id
        sticky = new.sticky or new.thread or new.idempotency_key or run_id
        self._assigned = None if services.versions is None else services.versions.for_run(sticky)
        self.directory: AgentDirectory = self._assigned or services.catalogue

    def assigned(self, agents: Sequence[AgentVersion]) -> tuple[AssignedVersion, ...]:
        """What there is to say of the versions of `agents`."""
        if self._assigned is None:
            return ()
        refs = {agent.ref() for agent in agents}
        return tuple(one for one in self._assigned.assigned if f"{one.name}@{one.version}" in refs)


def below(plan: Sequence[PlanTask]) -> Iterator[SubRunSpec]:
    """The sub-runs of a plan, theirs and so on."""
    for task in plan:
        if task.below is not None:
            yield task.below
            yield from below(task.below.plan)


async def agents_for(
    directory: AgentDirectory, workspace_id: str, agent: str, plan: Sequence[PlanTask]
) -> list[AgentVersion]:
    """The run's own come first: of two versions of one agent, those find theirs. Raises NotFound."""
    own = await _agents_of(directory, workspace_id, agent, plan)
    found = await _with_partners(directory, workspace_id, own)
    for spec in below(plan):
        known = {one.ref() for one in found}
        inner = await _agents_of(directory, workspace_id, spec.agent, spec.plan)
        inner = await _with_partners(directory, workspace_id, inner)
        found += [one for one in inner if one.ref() not in known]
    return found


def partners(first: Sequence[AgentVersion], agents: Sequence[AgentVersion]) -> list[AgentVersion]:
    """`first`, and of `agents` those whom they may ask or hand over to, and whom these may."""
    found = [*first]
    for one in found:
        for name in (*one.delegates, *one.hand_over_to):
            if all(name != known.name for known in found):
                found += [other for other in agents if other.name == name][:1]
    return found


async def _with_partners(
    directory: AgentDirectory, workspace_id: str, found: list[AgentVersion]
) -> list[AgentVersion]:
    """Those that the catalogue lacks are missing in the run: whoever asks them is told."""
    if not any(one.delegates or one.hand_over_to for one in found):
        return found
    return partners(found, await directory.list(workspace_id))


async def _agents_of(
    directory: AgentDirectory, workspace_id: str, agent: str, plan: Sequence[PlanTask]
) -> list[AgentVersion]:
    if agent:
        return [await directory.get(workspace_id, agent)]
    known = await directory.list(workspace_id)
    if plan and not any(needs_agents(task) for task in plan):
        return [one for one in planners(known) if one.guardrails]  # which guard the steps
    return known


def needs_agents(task: PlanTask) -> bool:
    """Whether somebody must be chosen for the task itself; runs within it have needs of their own."""
    return not (task.tool or task.wait or task.below)


def tools_for(
    specs: Mapping[str, ToolSpec], agents: Sequence[AgentVersion], plan: Sequence[PlanTask]
) -> dict[str, ev.PinnedTool]:
    names = tool_names(agents, plan)
    for spec in below(plan):
        names |= tool_names((), spec.plan)
    known = {**specs, **TEAM_TOOLS}
    return {name: pinned(known[name]) for name in sorted(names) if name in known}


def pinned(spec: ToolSpec) -> ev.PinnedTool:
    return ev.PinnedTool(
        effect=spec.effect,
        timeout=spec.timeout,
        key_ttl=spec.key_ttl,
        labels=spec.labels,
        price_micros=round(spec.price_usd * MICROS),
    )


def tool_names(agents: Sequence[AgentVersion], plan: Sequence[PlanTask]) -> set[str]:
    """Those of one run."""
    names = {tool for agent in agents for tool in agent.tools} | {task.tool for task in plan if task.tool}
    names |= {task.compensation.tool for task in plan if task.compensation is not None}
    if any(map(_cites, agents)) or any(map(_cites, plan)):
        names.add(CITATIONS_CHECK)
    return names if plan else names | set(ALWAYS_PINNED)


def _cites(whose: AgentVersion | PlanTask) -> bool:
    criteria = whose.criteria if isinstance(whose, AgentVersion) else whose.checks
    return any(isinstance(one, CitationsSupport) for one in criteria)
