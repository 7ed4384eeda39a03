"""A catalogue of given agents: the port for tests and for the engine's benchmarks."""

from collections.abc import Sequence

from flowmatik.contracts.agents import AgentVersion
from flowmatik.kernel.errors import NotFound


class GivenAgents:
    """An `AgentDirectory` in which every workspace has the same agents."""

    def __init__(self, agents: Sequence[AgentVersion] = ()) -> None:
        self._agents = list(agents)

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        del workspace_id
        return self._agents

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        for agent in self._agents:
            if ref in (agent.name, agent.ref()):
                return agent
        known = ", ".join(agent.name for agent in self._agents)
        raise NotFound(
            f"no agent {ref!r} in {workspace_id!r}; known: {known}",
            code="not_found.agent",
            context={"agent": ref, "known": known},
        )
