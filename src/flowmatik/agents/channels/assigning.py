"""The catalogue as one run sees it: where several versions share a channel, the run's is always the same."""

import logging
from collections.abc import Sequence
from typing import Protocol

from flowmatik.agents.channels.weights import chosen
from flowmatik.agents.stored import rows
from flowmatik.agents.stored.names import is_version
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import STABLE, AssignedDirectory, AssignedVersion, Share
from flowmatik.contracts.database import Database, Row

log = logging.getLogger(__name__)


class _Catalogue(Protocol):
    async def ready(self, workspace_id: str) -> Database: ...

    async def get(self, workspace_id: str, ref: str) -> AgentVersion: ...

    async def stable(self, workspace_id: str) -> Sequence[tuple[AgentVersion, Row]]:
        """With the row's split, deprecation and its reason."""
        ...


class AssignedAgents:
    """Implements `VersionChoice`."""

    def __init__(self, catalogue: _Catalogue) -> None:
        self._catalogue = catalogue

    def for_run(self, sticky: str) -> AssignedDirectory:
        return _OneRun(self._catalogue, sticky)


class _OneRun:
    """Implements `AssignedDirectory`."""

    def __init__(self, catalogue: _Catalogue, sticky: str) -> None:
        self._catalogue = catalogue
        self._sticky = sticky
        self._assigned: dict[str, AssignedVersion] = {}
        self._listed: dict[str, list[AgentVersion]] = {}

    @property
    def assigned(self) -> tuple[AssignedVersion, ...]:
        return tuple(self._assigned.values())

    async def _now(self, workspace_id: str) -> list[AgentVersion]:
        found: list[AgentVersion] = []
        for agent, (split, deprecated, why) in await self._catalogue.stable(workspace_id):
            if split:
                found.append(await self.get(workspace_id, agent.name))
                continue
            self._note(agent, STABLE, Share(version=agent.version), (deprecated, why))
            found.append(agent)
        return found

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        """As it was when first asked for: a plan is checked and pinned by one state of the catalogue."""
        if workspace_id not in self._listed:
            self._listed[workspace_id] = await self._now(workspace_id)
        return [*self._listed[workspace_id]]

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        name, _, tag = ref.partition("@")
        channel, share = ("", Share(version=tag)) if is_version(tag) else (tag or STABLE, None)
        database = await self._catalogue.ready(workspace_id)
        if share is None:
            found = await database.fetch(
                "SELECT version, split FROM agent_channels"
                " WHERE workspace_id = $1 AND name = $2 AND channel = $3",
                workspace_id,
                name,
                channel,
            )
            if found:
                shares = rows.shares_of(str(found[0][0]), str(found[0][1]))
                share = chosen(name, self._sticky, shares)
        agent = await self._catalogue.get(workspace_id, f"{name}@{share.version}" if share else ref)
        told = await database.fetch(
            "SELECT deprecated, deprecated_why FROM agent_versions"
            " WHERE workspace_id = $1 AND name = $2 AND version = $3",
            workspace_id,
            name,
            agent.version,
        )
        self._note(agent, channel, share or Share(version=agent.version), (told[0][0], told[0][1]))
        return agent

    def _note(
        self, agent: AgentVersion, channel: str, share: Share, deprecation: tuple[object, object]
    ) -> None:
        """Raises Conflict for a version that nobody new may have."""
        deprecated, why = map(str, deprecation)
        if deprecated == rows.BLOCK:
            raise rows.blocked(agent.name, agent.version, why)
        if deprecated:
            log.warning("a new run uses a deprecated version", extra={"agent": agent.ref(), "reason": why})
        if deprecated or share.weight < 100 or channel not in ("", STABLE):
            self._assigned[agent.ref()] = AssignedVersion(
                name=agent.name,
                version=agent.version,
                channel=channel,
                weight=share.weight,
                deprecated=bool(deprecated),
                reason=why,
            )
