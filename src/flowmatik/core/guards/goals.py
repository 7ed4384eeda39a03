"""The goal of a run that is one agent's, as the agent's guardrails leave it: what they would hide from the
agent does not go into the journal either."""

from collections.abc import Sequence

from flowmatik.contracts.agents import AgentVersion
from flowmatik.core import events as ev
from flowmatik.core.guards.guarding import tripped


def goal_for(agents: Sequence[AgentVersion], goal: str) -> str:
    """`agents`: whom the run is for, first; with none it stays as it was given. What is not to be fixed stays
    too: it is decided when the agent gets its task."""
    fixing = [rail for rail in agents[0].guardrails if rail.on_fail == "fix"] if agents else []
    trip = tripped(fixing, "input", goal)
    return goal if trip is None else str(trip.fixed)


def whose(created: ev.RunCreated) -> list[AgentVersion]:
    """The agent that the run is for; none where the plan or the router says who does what."""
    return [one for one in created.agents if created.agent and one.name == created.agent][:1]
