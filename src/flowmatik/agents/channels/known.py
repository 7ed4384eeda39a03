"""What the catalogue knows of agents beside their profiles, read for many at once."""

from collections import defaultdict
from collections.abc import Sequence

from flowmatik.agents.stored import rows
from flowmatik.contracts.channels import (
    AgentStanding,
    Channel,
    Deprecation,
    Evaluation,
    VersionStanding,
)
from flowmatik.contracts.database import Database, Row

MOST_EVALUATIONS = 20  # of a version that are shown, the newest


async def standings(database: Database, workspace_id: str, name: str = "") -> dict[str, AgentStanding]:
    """By name; of one agent where it is named. An agent without a channel has its versions still."""
    revisions = await database.fetch(
        "SELECT name, max(number) FROM agent_changes"
        " WHERE workspace_id = $1 AND ($2 = '' OR name = $2) GROUP BY name",
        workspace_id,
        name,
    )
    channels = await database.fetch(
        "SELECT name, channel, version, split FROM agent_channels"
        " WHERE workspace_id = $1 AND ($2 = '' OR name = $2) ORDER BY channel",
        workspace_id,
        name,
    )
    versions = await database.fetch(
        "SELECT name, version, created_at, origin, deprecated, deprecated_why"
        " FROM agent_versions WHERE workspace_id = $1 AND ($2 = '' OR name = $2)"
        " ORDER BY created_at DESC, version",
        workspace_id,
        name,
    )
    scores = await evaluations_of(database, workspace_id, name)
    channels_of: defaultdict[str, list[Channel]] = defaultdict(list)
    for row in channels:
        shares = rows.shares_of(str(row[2]), str(row[3]))
        channels_of[str(row[0])].append(Channel(name=str(row[1]), shares=shares))
    versions_of: defaultdict[str, list[VersionStanding]] = defaultdict(list)
    for row in versions:
        versions_of[str(row[0])].append(_version(row, scores))
    numbers = {str(row[0]): int(row[1]) for row in revisions}
    return {
        agent: AgentStanding(
            name=agent,
            revision=numbers.get(agent, 0),
            channels=tuple(channels_of[agent]),
            versions=tuple(found),
        )
        for agent, found in versions_of.items()
    }


async def evaluations_of(database: Database, workspace_id: str, name: str = "") -> Sequence[Evaluation]:
    """The newest first."""
    found = await database.fetch(
        "SELECT name, version, set_name, set_hash, score, cases, model, made_at, made_by"
        " FROM agent_evaluations WHERE workspace_id = $1 AND ($2 = '' OR name = $2)"
        " ORDER BY made_at DESC, id DESC",
        workspace_id,
        name,
    )
    return [
        Evaluation(
            name=str(row[0]),
            version=str(row[1]),
            set_name=str(row[2]),
            set_hash=str(row[3]),
            score=float(row[4]),
            n=int(row[5]),
            model=str(row[6]),
            at=str(row[7]),
            by=str(row[8]),
        )
        for row in found
    ]


def _version(row: Row, scores: Sequence[Evaluation]) -> VersionStanding:
    name, version, created_at, origin, deprecated, why = map(str, row)
    mine = [one for one in scores if (one.name, one.version) == (name, version)]
    return VersionStanding(
        version=version,
        created_at=created_at,
        origin=rows.origin_of(origin),
        deprecation=Deprecation(blocked=deprecated == rows.BLOCK, reason=why) if deprecated else None,
        evaluations=tuple(mine[:MOST_EVALUATIONS]),
    )
