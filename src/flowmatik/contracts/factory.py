"""The factory of agents: who was composed for what, and what became of them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryAgent:
    """`need`: the skill that nobody had. `state`: "draft" is used for this need alone, "kept" is an agent
    like others, "retired" is used no more, and nobody else is composed for the need. Results count tasks."""

    name: str
    version: str
    need: str
    state: Literal["draft", "kept", "retired"]
    made_at: str
    why: str
    succeeded: int = 0
    failed: int = 0


class AgentFactory(Protocol):
    """Raises NotFound (`not_found.factory_agent`), Conflict (`conflict.factory_state`)."""

    async def list(self, workspace_id: str) -> list[FactoryAgent]:
        """The newest first."""
        ...

    async def keep(self, workspace_id: str, name: str, author: Author) -> AgentVersion:
        """Promote it to the stable channel, so that the router gives it tasks."""
        ...

    async def retire(self, workspace_id: str, name: str, author: Author) -> None: ...
