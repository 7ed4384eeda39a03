"""Many agents changed at once: all of it, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.stored import rows
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import Author, ImportedChange, Origin, Shares
from flowmatik.contracts.database import Database, Statement
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One agent: its versions with their texts, and where its channels are to point."""

    name: str
    versions: tuple[tuple[AgentVersion, str], ...]
    channels: dict[str, Shares] = field(default_factory=lambda: {})


class Installing:
    def __init__(self, catalogue: StoredCatalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    async def __call__(
        self,
        workspace_id: str,
        what: str,
        wanted: Sequence[Wanted],
        author: Author,
        *,
        also: Sequence[Statement] = (),
        dry_run: bool = False,
    ) -> list[ImportedChange]:
        """What changes; with `dry_run` only that. Raises Conflict (`conflict.agent_changed`) when one of the
        agents changed meanwhile, and then nothing is changed."""
        database = await self._catalogue.ready(workspace_id)
        todo: list[Statement] = []
        changes: list[ImportedChange] = []
        states: list[rows.AgentState] = []
        for one in wanted:
            state = await rows.state_of(database, workspace_id, one.name)
            steps = [
                rows.Step(what=what, channel=channel, becomes=shares)
                for channel, shares in one.channels.items()
                if state.channels.get(channel) != shares
            ]
            for step in steps:
                rows.refuse_blocked(state, step.becomes)
            states.append(state)
            new = await _lacking(database, workspace_id, one)
            changes += _told(state, steps, tuple(agent.version for agent, _ in new))
            todo += self._statements(workspace_id, state, steps, new, author)
        if not dry_run and (todo or also):
            await self._write(database, workspace_id, states, [*todo, *also])
        return changes

    def _statements(
        self,
        workspace_id: str,
        state: rows.AgentState,
        steps: Sequence[rows.Step],
        new: Sequence[tuple[AgentVersion, str]],
        author: Author,
    ) -> list[Statement]:
        at = self._clock.now().isoformat()
        origin = author.origin or Origin(by=author.by)
        return [
            *rows.statements(workspace_id, state, steps, author, at),
            *(rows.stored(workspace_id, agent, text, origin, at) for agent, text in new),
            *(rows.pointed(workspace_id, state.name, step.channel, step.becomes) for step in steps),
        ]

    async def _write(
        self,
        database: Database,
        workspace_id: str,
        states: Sequence[rows.AgentState],
        todo: Sequence[Statement],
    ) -> None:
        try:
            await database.transaction(todo)
        except Conflict as error:
            if error.code != rows.TAKEN:
                raise
            for state in states:
                fresh = await rows.state_of(database, workspace_id, state.name)
                if fresh.revision != state.revision:
                    changes = await rows.changes_of(database, workspace_id, state.name)
                    raise rows.changed(fresh, changes[0]) from error
            raise


async def _lacking(database: Database, workspace_id: str, wanted: Wanted) -> list[tuple[AgentVersion, str]]:
    """The versions that the workspace does not have yet."""
    found = await database.fetch(
        "SELECT version FROM agent_versions WHERE workspace_id = $1 AND name = $2", workspace_id, wanted.name
    )
    there = {str(row[0]) for row in found}
    return [(agent, text) for agent, text in wanted.versions if agent.version not in there]


def _told(state: rows.AgentState, steps: Sequence[rows.Step], new: tuple[str, ...]) -> list[ImportedChange]:
    if new and not steps:
        return [ImportedChange(name=state.name, channel="", was=(), becomes=(), new_versions=new)]
    return [
        ImportedChange(
            name=state.name,
            channel=step.channel,
            was=state.channels.get(step.channel, ()),
            becomes=step.becomes,
            new_versions=new,
        )
        for step in steps
    ]
