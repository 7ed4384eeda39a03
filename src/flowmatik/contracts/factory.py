"""The factory of agents: who was composed for what, and what became of them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import Author
from flowmatik.contracts.tools import Effect


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryRules:
    """What the factory may do in a workspace, which only narrows what the installation allows; None is as
    the installation has it. `skills`: what agents may be composed for, anything when empty. `tools`: what
    they may have at most. `effect`: the strongest class of their tools. `task_micros`: what one task of
    theirs may cost. `most_a_day`: how many may be composed in a day (UTC). `floor_percent`: the share of
    their tasks that must succeed."""

    enabled: bool = True
    skills: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    effect: Effect | None = None
    task_micros: int | None = None
    most_a_day: int | None = None
    floor_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryPolicyView:
    """`own`: as the workspace set it; `holds`: that and the installation's together, nothing left open but
    a cost without a cap. `changed_at` is "" where nobody has set anything."""

    own: FactoryRules
    holds: FactoryRules
    changed_by: str = ""
    changed_at: str = ""
    reason: str = ""


class AgentFactory(Protocol):
    """Raises NotFound (`not_found.factory_agent`), Conflict (`conflict.factory_state`)."""

    async def list(self, workspace_id: str) -> list[FactoryAgent]:
        """The newest first."""
        ...

    async def keep(self, workspace_id: str, name: str, author: Author) -> AgentVersion:
        """Promote it to the stable channel, so that the router gives it tasks."""
        ...

    async def retire(self, workspace_id: str, name: str, author: Author) -> None: ...

    async def policy(self, workspace_id: str) -> FactoryPolicyView: ...

    async def set_policy(self, workspace_id: str, rules: FactoryRules, author: Author) -> FactoryPolicyView:
        """Holds for what is composed from now on. Raises InvalidInput (`input.factory_beyond`) for more than
        the installation allows."""
        ...
