"""The port of versions and channels, on the tables of the catalogue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.channels import files as agent_files
from flowmatik.agents.channels import known
from flowmatik.agents.channels.diff import diff_of
from flowmatik.agents.channels.install import Installing, Wanted
from flowmatik.agents.channels.weights import mixed
from flowmatik.agents.stored import rows
from flowmatik.agents.stored.names import check_channel, version_ref
from flowmatik.contracts.channels import (
    STABLE,
    AgentChange,
    AgentDiff,
    AgentFile,
    AgentStanding,
    Author,
    Evaluation,
    ImportedChange,
    Origin,
    Promotion,
    Share,
    Shares,
    main_of,
)
from flowmatik.contracts.database import Database, Statement
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput
from flowmatik.kernel.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """One agent as it stands while it is changed."""

    workspace_id: str
    database: Database
    state: rows.AgentState


class StoredVersions:
    """Implements `AgentVersions`."""

    def __init__(self, catalogue: StoredCatalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._install = Installing(catalogue, clock)

    async def standings(self, workspace_id: str) -> list[AgentStanding]:
        order = [agent.name for agent in await self._catalogue.list(workspace_id)]
        found = await known.standings(await self._catalogue.ready(workspace_id), workspace_id)
        others = [name for name, one in found.items() if one.channels and name not in order]
        return [found[name] for name in [*order, *sorted(others)]]

    async def standing(self, workspace_id: str, name: str) -> AgentStanding:
        found = await known.standings(await self._catalogue.ready(workspace_id), workspace_id, name)
        if name not in found:
            raise await self._catalogue.not_found(workspace_id, name)
        return found[name]

    async def history(self, workspace_id: str, name: str) -> list[AgentChange]:
        database = await self._catalogue.ready(workspace_id)
        found = await rows.changes_of(database, workspace_id, name)
        if not found:
            await self.standing(workspace_id, name)
        return found

    async def diff(self, workspace_id: str, was: str, becomes: str) -> AgentDiff:
        ours = await self._catalogue.get(workspace_id, was)
        return diff_of(ours, await self._catalogue.get(workspace_id, becomes))

    async def promote(self, workspace_id: str, wanted: Promotion, author: Author) -> AgentStanding:
        check_channel(wanted.to)
        at = await self._at(workspace_id, wanted.name)
        state = at.state
        if wanted.expected is not None and wanted.expected != state.revision:
            raise await self._changed(at)
        source = state.channels.get(wanted.source)
        if source is None:
            raise rows.no_channel(state, wanted.source)
        now = state.channels.get(wanted.to, ())
        becomes = mixed(now, main_of(source), wanted.weight)
        if becomes == now:
            raise await self._unchanged(at, wanted.to)
        rows.refuse_blocked(state, becomes)
        await self._point(at, rows.Step(what="promoted", channel=wanted.to, becomes=becomes), author)
        return await self.standing(workspace_id, wanted.name)

    async def rollback(
        self, workspace_id: str, name: str, author: Author, *, channel: str = STABLE
    ) -> AgentStanding:
        at = await self._at(workspace_id, name)
        if channel not in at.state.channels:
            raise rows.no_channel(at.state, channel)
        earlier = _earlier(await rows.changes_of(at.database, workspace_id, name), channel)
        if not earlier:
            raise Conflict(
                f"the channel {channel!r} of {name!r} has no earlier state to go back to; it has "
                f"{at.state.shown()}",
                code="conflict.agent_no_earlier",
                context={"agent": name, "channel": channel, "state": at.state.shown()},
            )
        rows.refuse_blocked(at.state, earlier)
        await self._point(at, rows.Step(what="rolled_back", channel=channel, becomes=earlier), author)
        return await self.standing(workspace_id, name)

    async def deprecate(
        self, workspace_id: str, ref: str, author: Author, *, block: bool = False, lift: bool = False
    ) -> AgentStanding:
        name, version = version_ref(ref)
        at = await self._at(workspace_id, name)
        await self._catalogue.get(workspace_id, ref)
        used = [channel for channel, shares in at.state.channels.items() if _has(shares, version)]
        if block and used:
            raise Conflict(
                f"{ref} cannot be blocked while channels point at it ({', '.join(used)}); promote another "
                "version first, or deprecate it without blocking",
                code="conflict.agent_in_use",
                context={"agent": ref, "channels": ", ".join(used)},
            )
        told = "" if lift else rows.BLOCK if block else rows.WARN
        step = rows.Step(
            what="restored" if lift else "deprecated", channel="", becomes=(Share(version=version),)
        )
        mark = (
            "UPDATE agent_versions SET deprecated = $4, deprecated_why = $5"
            " WHERE workspace_id = $1 AND name = $2 AND version = $3",
            (workspace_id, name, version, told, "" if lift else author.reason),
        )
        await self._carry_out(at, step, author, mark)
        return await self.standing(workspace_id, name)

    async def record_evaluation(self, workspace_id: str, evaluation: Evaluation) -> None:
        if not (math.isfinite(evaluation.score) and 0 <= evaluation.score <= 1 and evaluation.n >= 1):
            raise InvalidInput(
                f"a score of {evaluation.score} over {evaluation.n} cases cannot be kept; scores are from "
                "0 to 1, over at least one case",
                code="input.evaluation",
                context={"score": str(evaluation.score), "cases": evaluation.n},
            )
        await self._catalogue.get(workspace_id, f"{evaluation.name}@{evaluation.version}")
        at = evaluation.at or self._clock.now().isoformat()
        database = await self._catalogue.ready(workspace_id)
        await database.transaction([evaluated(workspace_id, replace(evaluation, at=at))])

    async def export(self, workspace_id: str, names: Sequence[str] = ()) -> list[AgentFile]:
        found = {one.name: one for one in await self.standings(workspace_id)}
        for name in names:
            if name not in found:
                raise await self._catalogue.not_found(workspace_id, name)
        wanted = [found[name] for name in sorted(set(names) or found)]
        texts: dict[str, str] = {}
        for agent in wanted:
            for channel in agent.channels:
                for share in channel.shares:
                    ref = f"{agent.name}@{share.version}"
                    texts[ref] = await self._catalogue.profile(workspace_id, ref)
        return agent_files.written(wanted, texts)

    async def import_files(
        self, workspace_id: str, files: Sequence[AgentFile], author: Author, *, dry_run: bool = False
    ) -> list[ImportedChange]:
        wanted = agent_files.read(files, self._catalogue.parsed)
        origin = author.origin or Origin(kind="imported", by=author.by)
        author = replace(author, origin=origin)
        return await self._install(workspace_id, "imported", wanted, author, dry_run=dry_run)

    async def install(
        self, workspace_id: str, wanted: Sequence[Wanted], author: Author, also: Sequence[Statement]
    ) -> list[ImportedChange]:
        """What a bundle brings, with `also` in the same transaction."""
        return await self._install(workspace_id, "bundled", wanted, author, also=also)

    async def would_install(
        self, workspace_id: str, wanted: Sequence[Wanted], author: Author
    ) -> list[ImportedChange]:
        return await self._install(workspace_id, "bundled", wanted, author, dry_run=True)

    async def _at(self, workspace_id: str, name: str) -> _At:
        database = await self._catalogue.ready(workspace_id)
        state = await rows.state_of(database, workspace_id, name)
        if not state.channels:
            await self.standing(workspace_id, name)  # there may be versions without one
        return _At(workspace_id=workspace_id, database=database, state=state)

    async def _point(self, at: _At, step: rows.Step, author: Author) -> None:
        await self._carry_out(
            at, step, author, rows.pointed(at.workspace_id, at.state.name, step.channel, step.becomes)
        )

    async def _carry_out(self, at: _At, step: rows.Step, author: Author, done: Statement) -> None:
        """Raises Conflict when somebody was faster."""
        now = self._clock.now().isoformat()
        todo = rows.statements(at.workspace_id, at.state, [step], author, now)
        try:
            await at.database.transaction([*todo, done])
        except Conflict as error:
            if error.code != rows.TAKEN:
                raise
            fresh = await rows.state_of(at.database, at.workspace_id, at.state.name)
            raise await self._changed(replace(at, state=fresh)) from error

    async def _changed(self, at: _At) -> Conflict:
        changes = await rows.changes_of(at.database, at.workspace_id, at.state.name)
        return rows.changed(at.state, changes[0] if changes else None)

    async def _unchanged(self, at: _At, channel: str) -> Conflict:
        changes = await rows.changes_of(at.database, at.workspace_id, at.state.name)
        last = next((one for one in changes if one.channel == channel), None)
        by, when = (last.by or "?", last.at) if last else ("?", "?")
        return Conflict(
            f"the channel {channel!r} of {at.state.name!r} is there already: it has {at.state.shown()} (last "
            f"changed by {by} at {when}, revision {at.state.revision})",
            code="conflict.agent_unchanged",
            context={
                "agent": at.state.name,
                "channel": channel,
                "state": at.state.shown(),
                "by": by,
                "at": when,
                "revision": at.state.revision,
            },
        )


def evaluated(workspace_id: str, one: Evaluation) -> Statement:
    return (
        "INSERT INTO agent_evaluations (id, workspace_id, name, version, set_name, set_hash, score, cases,"
        " model, made_at, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        (
            new_id("evl"),
            workspace_id,
            one.name,
            one.version,
            one.set_name,
            one.set_hash,
            float(one.score),
            one.n,
            one.model,
            one.at,
            one.by,
        ),
    )


def _has(shares: Shares, version: str) -> bool:
    return any(share.version == version for share in shares)


def _earlier(changes: Sequence[AgentChange], channel: str) -> Shares:
    """What the channel was before the last change that still holds; () when there is none. A change back
    takes the one before it away."""
    before: list[Shares] = []
    for change in reversed(changes):
        if change.what == "removed":
            before.clear()
        elif change.channel == channel:
            if change.what == "rolled_back":
                before.pop()
            else:
                before.append(change.was)
    return before[-1] if before else ()
