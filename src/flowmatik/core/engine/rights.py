"""What an agent that another one asked may do: nothing that the other one may not, and nothing for which
people would have been asked there without asking them here."""

from collections.abc import Sequence
from dataclasses import replace

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.contracts.tools import Effect
from flowmatik.core.brain.commands import RANK
from flowmatik.core.events import RunCreated
from flowmatik.core.pins import partners


def rights_of(created: RunCreated, effect: Effect) -> frozenset[str]:
    """The tools of the run that have at most this effect."""
    return frozenset(name for name, tool in created.tools.items() if RANK[tool.effect] <= RANK[effect])


def narrowed(
    agents: Sequence[AgentVersion], ref: str, caller: AgentVersion, rights: frozenset[str]
) -> tuple[AgentVersion, ...]:
    """The agent `ref`, which comes first, and those whom it may ask or hand over to, and so on."""
    first = [one for one in agents if ref in (one.name, one.ref())][:1]
    return tuple(_narrowed(one, caller, rights) for one in partners(first, agents))


def _narrowed(agent: AgentVersion, caller: AgentVersion, rights: frozenset[str]) -> AgentVersion:
    shared = {tool for tool in caller.tools if tool in rights and tool not in TEAM_TOOLS}
    tools = tuple(tool for tool in agent.tools if tool in shared or tool in TEAM_TOOLS)
    asked = {tool: policy for tool, policy in caller.approvals.items() if tool in tools}
    return replace(agent, tools=tools, approvals={**agent.approvals, **asked})
