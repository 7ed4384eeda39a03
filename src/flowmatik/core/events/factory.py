"""Agents that were composed for a task that no agent of the run fits."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentComposed:
    """`agent` is whole, with the tools that it may call in this run: `profile` (YAML) may name more. `why` is
    English."""

    task_id: str
    agent: AgentVersion
    template: str
    profile: str
    parameters: dict[str, Any] = field(default_factory=lambda: {})
    why: str = ""
