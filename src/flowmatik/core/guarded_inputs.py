"""What people say before an agent gets it, as the guardrails leave it of whoever it is for: nobody keeps what
they would hide. What is no agent's in particular is the planner's."""

import contextlib
from collections.abc import Mapping
from typing import Any

from flowmatik.contracts.agents import AgentDirectory, AgentVersion
from flowmatik.core.guards.goals import fixed_for
from flowmatik.kernel.errors import NotFound

PLANNER = "planner"  # the role


class InputGuard:
    def __init__(self, agents: AgentDirectory) -> None:
        self._agents = agents

    async def text(self, workspace_id: str, agent: str, text: str) -> str:
        """For `agent`, or "" for the planner. Whatever is not to be hidden but refused, tried again or put to
        people stays: it is decided about when an agent gets it."""
        return str(fixed_for(await self._whose(workspace_id, agent), text)) if text else text

    async def values(self, workspace_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of a playbook; their names are its own."""
        planner = await self._whose(workspace_id, "") if given else None
        return {name: fixed_for(planner, value) for name, value in given.items()}

    async def _whose(self, workspace_id: str, agent: str) -> AgentVersion | None:
        if not agent:
            known = await self._agents.list(workspace_id)
            return next((one for one in known if one.role == PLANNER), None)
        with contextlib.suppress(NotFound):  # for whoever begins the run to say
            return await self._agents.get(workspace_id, agent)
        return None
