"""The catalogue: immutable versions by content hash, channels that point at them."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources

from flowmatik.agents.profiles import Inventory, parse_profile
from flowmatik.agents.profiles.circles import check_circles
from flowmatik.agents.skills.own.library import SkillLibrary
from flowmatik.agents.stored import rows
from flowmatik.agents.stored.names import check_channel, is_version
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import NOBODY, STABLE, Author, Origin, Share
from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.team_tools import TEAM_TOOLS
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound

APPLY_ATTEMPTS = 20  # whoever applies wants the newest state changed, whatever it is
_OF_VERSION = (
    "SELECT v.name, v.version, v.content FROM agent_versions v"
    " WHERE v.workspace_id = $1 AND v.name = $2 AND v.version = $3"
)
_OF_CHANNEL = (
    "SELECT v.name, v.version, v.content FROM agent_channels c JOIN agent_versions v"
    " ON v.workspace_id = c.workspace_id AND v.name = c.name AND v.version = c.version"
    " WHERE c.workspace_id = $1 AND c.name = $2 AND c.channel = $3"
)


class StoredCatalogue:
    """Implements `AgentCatalogue` on the tables `agent_versions` and `agent_channels`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        inventory: Inventory | None = None,
        library: SkillLibrary | None = None,
        *,
        seeds: bool = False,
    ) -> None:
        """What a profile names must be in the `inventory`; without one it is not looked at. Agents are told
        of their skill folders by the `library`. `seeds`: a workspace gets the agents that ship when it is
        first asked for here."""
        self._library = library or SkillLibrary(())
        self._database = database
        self._clock = clock
        self._inventory = inventory
        self._seeds = seeds
        self._seeded: set[str] = set()
        self._seeding = asyncio.Lock()

    async def seed(self, workspace_id: str) -> list[str]:
        """Give a workspace the first agents that it lacks; the names that were added."""
        found = await self._database.within(workspace_id).fetch(
            "SELECT name FROM agent_channels WHERE workspace_id = $1 AND channel = $2", workspace_id, STABLE
        )
        known = {str(row[0]) for row in found}
        added: list[str] = []
        for filename, text in first_profiles():
            name = filename.removesuffix(".yaml")
            if name not in known and await self._keep(workspace_id, _shipped(name), text):
                added.append(name)
        self._seeded.add(workspace_id)
        return added

    async def ready(self, workspace_id: str) -> Database:
        """The workspace's part of the store, with the agents that ship in it."""
        if self._seeds and workspace_id not in self._seeded:
            async with self._seeding:
                if workspace_id not in self._seeded:
                    await self.seed(workspace_id)
        return self._database.within(workspace_id)

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        """The longest known first: a task goes to the first that has its skill, and a new agent must not
        take over what others do."""
        return [agent for agent, _ in await self.stable(workspace_id)]

    async def stable(self, workspace_id: str) -> Sequence[tuple[AgentVersion, Row]]:
        """What the stable channels point at most, with split, deprecation and its reason of the row."""
        database = await self.ready(workspace_id)
        found = await _stable_rows(database, workspace_id)
        return [(self._agent(row), (row[3], row[4], row[5])) for row in found]

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        return self._agent(await self._row(workspace_id, ref))

    async def profile(self, workspace_id: str, ref: str) -> str:
        return str((await self._row(workspace_id, ref))[2])

    async def _row(self, workspace_id: str, ref: str) -> Row:
        database = await self.ready(workspace_id)
        name, _, tag = ref.partition("@")
        sql = _OF_VERSION if is_version(tag) else _OF_CHANNEL
        found = await database.fetch(sql, workspace_id, name, tag or STABLE)
        if not found:
            raise await self.not_found(workspace_id, ref)
        return found[0]

    async def list_versions(self, workspace_id: str, name: str) -> Sequence[AgentVersion]:
        """Every version of one agent, the newest first. Raises NotFound."""
        database = await self.ready(workspace_id)
        found = await database.fetch(
            "SELECT name, version, content FROM agent_versions WHERE workspace_id = $1 AND name = $2"
            " ORDER BY created_at DESC, version",
            workspace_id,
            name,
        )
        if not found:
            raise await self.not_found(workspace_id, name)
        return [self._agent(row) for row in found]

    def parsed(self, text: str, filename: str) -> AgentVersion:
        """Raises ProfileInvalid, also for what this installation lacks."""
        return parse_profile(text, filename=filename, inventory=self._inventory)

    async def apply(
        self,
        workspace_id: str,
        text: str,
        *,
        filename: str,
        channel: str = STABLE,
        author: Author = NOBODY,
    ) -> AgentVersion:
        agent = self.parsed(text, filename)
        check_channel(channel)
        database = await self.ready(workspace_id)
        if agent.delegates:
            check_circles(text, filename, agent, await self.list(workspace_id))
        shares = (Share(version=agent.version),)
        for _ in range(APPLY_ATTEMPTS):
            state = await rows.state_of(database, workspace_id, agent.name)
            rows.refuse_blocked(state, shares)
            if state.channels.get(channel) == shares:
                return self._library.told(agent)
            step = rows.Step(what="applied", channel=channel, becomes=shares)
            if await self._write(workspace_id, state, step, (agent, text), author):
                return self._library.told(agent)
        raise await self._changed(workspace_id, agent.name)

    async def remove(self, workspace_id: str, name: str, *, author: Author = NOBODY) -> None:
        if name in {agent.name for agent in shipped_agents()}:
            raise Conflict(
                f"the agent {name!r} ships with Flowmatik and plans count on it; apply a profile of your own "
                "under that name to change what it does",
                code="conflict.shipped_agent",
                context={"agent": name},
            )
        database = await self.ready(workspace_id)
        for _ in range(APPLY_ATTEMPTS):
            state = await rows.state_of(database, workspace_id, name)
            if not state.channels:
                raise await self.not_found(workspace_id, name)
            step = rows.Step(what="removed", channel="", becomes=())
            if await self._write(workspace_id, state, step, None, author):
                return
        raise await self._changed(workspace_id, name)

    async def _keep(self, workspace_id: str, agent: AgentVersion, text: str) -> bool:
        """False when somebody was faster: theirs counts."""
        state = await rows.state_of(self._database.within(workspace_id), workspace_id, agent.name)
        if STABLE in state.channels:
            return False
        step = rows.Step(what="seeded", channel=STABLE, becomes=(Share(version=agent.version),))
        author = Author(origin=Origin(kind="shipped"))
        return await self._write(workspace_id, state, step, (agent, text), author)

    async def _write(
        self,
        workspace_id: str,
        state: rows.AgentState,
        step: rows.Step,
        new: tuple[AgentVersion, str] | None,
        author: Author,
    ) -> bool:
        """False, and nothing written, when the agent has changed since `state` was read."""
        at = self._clock.now().isoformat()
        todo = rows.statements(workspace_id, state, [step], author, at)
        if new is not None:
            origin = author.origin or Origin(kind="applied", by=author.by)
            todo.append(rows.stored(workspace_id, *new, origin, at))
            todo.append(rows.pointed(workspace_id, state.name, step.channel, step.becomes))
        else:
            todo.append(
                (
                    "DELETE FROM agent_channels WHERE workspace_id = $1 AND name = $2",
                    (workspace_id, state.name),
                )
            )
        try:
            await self._database.within(workspace_id).transaction(todo)
        except Conflict as error:
            if error.code != rows.TAKEN:
                raise
            return False
        return True

    def _agent(self, row: Row) -> AgentVersion:
        return self._library.told(agent_of(row))

    async def _changed(self, workspace_id: str, name: str) -> Conflict:
        database = self._database.within(workspace_id)
        state = await rows.state_of(database, workspace_id, name)
        changes = await rows.changes_of(database, workspace_id, name)
        return rows.changed(state, changes[0] if changes else None)

    async def not_found(self, workspace_id: str, ref: str) -> NotFound:
        known = ", ".join(sorted(agent.name for agent in await self.list(workspace_id))) or "none"
        return NotFound(
            f"there is no agent {ref!r}; there is {known}",
            code="not_found.agent",
            context={"agent": ref, "known": known},
        )


async def _stable_rows(database: Database, workspace_id: str) -> list[Row]:
    """Name, version, content, split and deprecation of what the stable channels point at, the longest known
    agent first."""
    return await database.fetch(
        "SELECT v.name, v.version, v.content, c.split, v.deprecated, v.deprecated_why"
        " FROM agent_channels c JOIN agent_versions v"
        " ON v.workspace_id = c.workspace_id AND v.name = c.name AND v.version = c.version"
        " WHERE c.workspace_id = $1 AND c.channel = $2 ORDER BY (SELECT min(o.created_at)"
        " FROM agent_versions o WHERE o.workspace_id = v.workspace_id AND o.name = v.name), v.name",
        workspace_id,
        STABLE,
    )


def agent_of(row: Row) -> AgentVersion:
    return _stored(str(row[0]), str(row[1]), str(row[2]))


@lru_cache(maxsize=512)
def _stored(name: str, version: str, content: str) -> AgentVersion:
    """A stored version keeps the name that runs are pinned to, even if a newer release would hash
    its text differently. Reading YAML costs a millisecond, so a version is read once."""
    return replace(parse_profile(content, filename=f"{name}@{version}"), version=version)


def inventory_of(
    tools: Collection[str],
    models: Mapping[str, Collection[str]],
    folders: Collection[str] = (),
    *,
    names: Collection[str] = (),
    tags: Collection[str] = (),
) -> Inventory:
    """With the skills of the agents that ship; `names` and `tags` are those of the model list."""
    return Inventory(
        tools={*tools, *TEAM_TOOLS},
        models=models,
        skills=ShippedSkills(),
        folders=folders,
        names=names,
        tags=tags,
    )


class ShippedSkills(Collection[str]):
    """Read when a profile is checked against them; most commands check none."""

    def __contains__(self, skill: object) -> bool:
        return skill in _shipped_skills()

    def __iter__(self) -> Iterator[str]:
        return iter(_shipped_skills())

    def __len__(self) -> int:
        return len(_shipped_skills())


@cache
def _shipped_skills() -> frozenset[str]:
    return frozenset(skill for agent in shipped_agents() for skill in agent.skills)


@cache
def shipped_agents() -> tuple[AgentVersion, ...]:
    return tuple(parse_profile(text, filename=filename) for filename, text in first_profiles())


def _shipped(name: str) -> AgentVersion:
    return next(agent for agent in shipped_agents() if agent.name == name)


def first_profiles() -> list[tuple[str, str]]:
    """File name and text of the profiles that ship with the product; each file is named after its agent."""
    folder = resources.files("flowmatik.agents.profiles")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [(file.name, file.read_text(encoding="utf-8")) for file in files]
