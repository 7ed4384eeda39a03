"""The catalogue: immutable versions by content hash, channels that point at them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources

from flowmatik.agents.profiles import Inventory, parse_profile
from flowmatik.agents.profiles.circles import check_circles
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound

STABLE = "stable"
_KEEP = (  # somebody was faster: theirs counts
    "INSERT INTO agent_channels (workspace_id, name, channel, version)"
    " VALUES ($1, $2, $3, $4) ON CONFLICT (workspace_id, name, channel) DO NOTHING"
)
_POINT = (
    "INSERT INTO agent_channels (workspace_id, name, channel, version) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (workspace_id, name, channel) DO UPDATE SET version = excluded.version"
)


class StoredCatalogue:
    """Implements `AgentCatalogue` on the tables `agent_versions` and `agent_channels`."""

    def __init__(self, database: Database, clock: Clock, inventory: Inventory | None = None) -> None:
        """What a profile names must be in the `inventory`; without one it is not looked at."""
        self._database = database
        self._clock = clock
        self._inventory = inventory

    async def seed(self, workspace_id: str) -> list[str]:
        """Give a workspace the first agents that it lacks; the names that were added."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT name FROM agent_channels WHERE workspace_id = $1 AND channel = $2", workspace_id, STABLE
        )
        known = {str(row[0]) for row in rows}
        added: list[str] = []
        for agent, (_, text) in zip(shipped_agents(), first_profiles(), strict=True):
            if agent.name not in known:
                await self._store(workspace_id, agent, text, _KEEP)
                added.append(agent.name)
        return added

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        """The longest known first: a task goes to the first that has its skill, and a new agent must not
        take over what others do."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT v.name, v.version, v.content FROM agent_channels c JOIN agent_versions v"
            " ON v.workspace_id = c.workspace_id AND v.name = c.name AND v.version = c.version"
            " WHERE c.workspace_id = $1 AND c.channel = $2 ORDER BY (SELECT min(o.created_at)"
            " FROM agent_versions o WHERE o.workspace_id = v.workspace_id AND o.name = v.name), v.name",
            workspace_id,
            STABLE,
        )
        return [_agent(row) for row in rows]

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        return _agent(await self._row(workspace_id, ref))

    async def profile(self, workspace_id: str, ref: str) -> str:
        return str((await self._row(workspace_id, ref))[2])

    async def _row(self, workspace_id: str, ref: str) -> Row:
        name, _, version = ref.partition("@")
        if version:
            rows = await self._database.within(workspace_id).fetch(
                "SELECT name, version, content FROM agent_versions"
                " WHERE workspace_id = $1 AND name = $2 AND version = $3",
                workspace_id,
                name,
                version,
            )
        else:
            rows = await self._database.within(workspace_id).fetch(
                "SELECT v.name, v.version, v.content FROM agent_channels c JOIN agent_versions v"
                " ON v.workspace_id = c.workspace_id AND v.name = c.name AND v.version = c.version"
                " WHERE c.workspace_id = $1 AND c.channel = $2 AND c.name = $3",
                workspace_id,
                STABLE,
                name,
            )
        if not rows:
            raise await self._not_found(workspace_id, ref)
        return rows[0]

    async def list_versions(self, workspace_id: str, name: str) -> Sequence[AgentVersion]:
        """Every version of one agent, the newest first. Raises NotFound."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT name, version, content FROM agent_versions WHERE workspace_id = $1 AND name = $2"
            " ORDER BY created_at DESC, version",
            workspace_id,
            name,
        )
        if not rows:
            raise await self._not_found(workspace_id, name)
        return [_agent(row) for row in rows]

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> AgentVersion:
        agent = parse_profile(text, filename=filename, inventory=self._inventory)
        if agent.delegates:
            check_circles(text, filename, agent, await self.list(workspace_id))
        await self._store(workspace_id, agent, text, _POINT)
        return agent

    async def remove(self, workspace_id: str, name: str) -> None:
        if name in {agent.name for agent in shipped_agents()}:
            raise Conflict(
                f"the agent {name!r} ships with Flowmatik and plans count on it; apply a profile of your own "
                "under that name to change what it does",
                code="conflict.shipped_agent",
                context={"agent": name},
            )
        (count,) = await self._database.within(workspace_id).transaction(
            [("DELETE FROM agent_channels WHERE workspace_id = $1 AND name = $2", (workspace_id, name))]
        )
        if not count:
            raise await self._not_found(workspace_id, name)

    async def _store(self, workspace_id: str, agent: AgentVersion, text: str, channel: str) -> None:
        now = self._clock.now().isoformat()
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO agent_versions (workspace_id, name, version, content, created_at)"
                    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, name, version) DO NOTHING",
                    (workspace_id, agent.name, agent.version, text, now),
                ),
                (channel, (workspace_id, agent.name, STABLE, agent.version)),
            ]
        )

    async def _not_found(self, workspace_id: str, ref: str) -> NotFound:
        known = ", ".join(sorted(agent.name for agent in await self.list(workspace_id))) or "none"
        return NotFound(
            f"there is no agent {ref!r}; there is {known}",
            code="not_found.agent",
            context={"agent": ref, "known": known},
        )


def _agent(row: Row) -> AgentVersion:
    return _stored(str(row[0]), str(row[1]), str(row[2]))


@lru_cache(maxsize=512)
def _stored(name: str, version: str, content: str) -> AgentVersion:
    """A stored version keeps the name that runs are pinned to, even if a newer release would hash
    its text differently. Reading YAML costs a millisecond, so a version is read once."""
    return replace(parse_profile(content, filename=f"{name}@{version}"), version=version)


def inventory_of(tools: Collection[str], models: Mapping[str, Collection[str]]) -> Inventory:
    """With the skills of the agents that ship."""
    skills = {skill for agent in shipped_agents() for skill in agent.skills}
    return Inventory(tools={*tools, *TEAM_TOOLS}, models=models, skills=skills)


@cache
def shipped_agents() -> tuple[AgentVersion, ...]:
    return tuple(parse_profile(text, filename=filename) for filename, text in first_profiles())


def first_profiles() -> list[tuple[str, str]]:
    """File name and text of the profiles that ship with the product."""
    folder = resources.files("flowmatik.agents.profiles")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [(file.name, file.read_text(encoding="utf-8")) for file in files]
