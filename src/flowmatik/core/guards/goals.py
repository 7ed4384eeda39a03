"""The goal of a run that is one agent's, as the agent's guardrails leave it: what they would hide from the
agent does not go into the journal either."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.core import events as ev
from flowmatik.core.guards.guarding import tripped


def fixed_for(agent: AgentVersion | None, value: Any) -> Any:
    """`value` without what the agent's guardrails of inputs hide or cut."""
    fixing = [rail for rail in agent.guardrails if rail.on_fail == "fix"] if agent is not None else []
    trip = tripped(fixing, "input", value)
    return value if trip is None else trip.fixed


def planners(agents: Sequence[AgentVersion]) -> list[AgentVersion]:
    """Whose a goal is that is no agent's in particular."""
    return [one for one in agents if one.role == "planner"][:1]


def goal_for(agents: Sequence[AgentVersion], goal: str) -> str:
    """`agents`: whom the run is for, first; with none it stays as it was given. What is not to be fixed stays
    too: it is decided when the agent gets its task."""
    return str(fixed_for(agents[0] if agents else None, goal))


def whose(created: ev.RunCreated) -> list[AgentVersion]:
    """The agent that the run is for; the planner where the plan or the router says who does what."""
    named = [one for one in created.agents if created.agent and one.name == created.agent][:1]
    return named or planners(created.agents)
