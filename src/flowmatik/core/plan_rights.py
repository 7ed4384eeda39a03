"""What a plan from outside may do: no more than the agents of the workspace may (`brain/rights.py`)."""

from collections.abc import Collection

from flowmatik.contracts.agents import AgentDirectory, AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.brain.rights import Rights, named_in
from flowmatik.kernel.errors import NotFound

Plan = tuple[PlanTask, ...]


async def permitted(
    directory: AgentDirectory, tools: Collection[str], workspace_id: str, agent: str, plan: Plan
) -> tuple[Plan, list[Fault]]:
    """The plan with the approvals that profiles ask for, and what it may not do. A step is permitted by the
    agent that it names, else by its run's, else by any that the workspace has. `agent`: the run's."""
    agents: dict[str, list[AgentVersion]] = {}
    for name in dict.fromkeys(named_in(plan, agent)):
        try:
            listed = await directory.get(workspace_id, name) if name else None
            agents[name] = [listed] if listed else await directory.list(workspace_id)
        except NotFound:
            agents[name] = []
    return Rights(agents=agents, tools=tools).of(plan, agent)
