"""Teams, and whose budgets bear what a principal spends."""

from collections.abc import Callable, Sequence

from flowmatik.contracts.budgets import Bearing, TeamMember
from flowmatik.contracts.database import Database, Row
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound

LONGEST_NAME = 100
_NAMED = """
SELECT id, username FROM users WHERE workspace_id = $1 AND (id = $2 OR username = $2)
UNION ALL
SELECT id, name FROM api_keys WHERE workspace_id = $1 AND revoked_at = '' AND (id = $2 OR name = $2)
"""
_MEMBERS = """
SELECT m.team, m.principal, coalesce(u.username, k.name, '') FROM team_members m
LEFT JOIN users u ON u.workspace_id = m.workspace_id AND u.id = m.principal
LEFT JOIN api_keys k ON k.workspace_id = m.workspace_id AND k.id = m.principal
WHERE m.workspace_id = $1 ORDER BY 1, 3, 2
"""


class StoredTeams:
    """Implements `Teams` and `Bearers` on the tables `team_members`, `users` and `api_keys`."""

    def __init__(
        self, database: Database, clock: Clock, *, local: str, owner_of: Callable[[str], str] = str
    ) -> None:
        """`local` is the administrator of this machine, who is in no table: runs of nobody are theirs.
        `owner_of`: as whom a principal acts."""
        self._database = database
        self._clock = clock
        self._local = local
        self._owner_of = owner_of

    async def bearing(self, workspace_id: str, principal: str) -> Bearing:
        me = self._owner_of(principal) or self._local
        within = self._database.within(workspace_id)
        owners = await within.fetch(
            "SELECT owner FROM api_keys WHERE workspace_id = $1 AND id = $2 AND owner <> ''", workspace_id, me
        )
        owner = self._owner_of(str(owners[0][0])) if owners else me
        teams = await within.fetch(
            "SELECT DISTINCT team FROM team_members WHERE workspace_id = $1 AND principal IN ($2, $3)"
            " ORDER BY team",
            workspace_id,
            me,
            owner,
        )
        principals = (me,) if owner == me else (me, owner)
        return Bearing(principals=principals, teams=tuple(str(row[0]) for row in teams))

    async def members(self, workspace_id: str) -> Sequence[TeamMember]:
        rows = await self._database.within(workspace_id).fetch(_MEMBERS, workspace_id)
        return [self._member(row) for row in rows]

    async def add(self, workspace_id: str, team: str, principal: str) -> TeamMember:
        if not 0 < len(team) <= LONGEST_NAME or not team.isprintable() or any(c in " /:" for c in team):
            raise InvalidInput(
                f"{team[:LONGEST_NAME]!r} is no name of a team; it has 1 to {LONGEST_NAME} characters, and "
                "neither spaces, slashes nor colons",
                code="input.team",
                context={"team": team[:LONGEST_NAME], "most": LONGEST_NAME},
            )
        member = await self.principal(workspace_id, principal)
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO team_members (workspace_id, team, principal, added_at)"
                    " VALUES ($1, $2, $3, $4) ON CONFLICT (workspace_id, team, principal) DO NOTHING",
                    (workspace_id, team, member.principal, self._clock.now().isoformat()),
                )
            ]
        )
        return TeamMember(team=team, principal=member.principal, name=member.name)

    async def remove(self, workspace_id: str, team: str, principal: str) -> None:
        mine = [one for one in await self.members(workspace_id) if one.team == team]
        found = [one for one in mine if one.principal == principal]
        found = found or [one for one in mine if one.name == principal]
        if not found:
            raise NotFound(
                f"{principal!r} is no member of the team {team!r}; `flowmatik teams list` shows who is",
                code="not_found.member",
                context={"principal": principal, "team": team},
            )
        if len(found) > 1:
            raise _several(principal, [one.principal for one in found])
        await self._database.within(workspace_id).transaction(
            [
                (
                    "DELETE FROM team_members WHERE workspace_id = $1 AND team = $2 AND principal = $3",
                    (workspace_id, team, found[0].principal),
                )
            ]
        )

    async def principal(self, workspace_id: str, named: str) -> TeamMember:
        if named == self._local:
            return TeamMember(team="", principal=self._local, name=self._local)
        rows = await self._database.within(workspace_id).fetch(_NAMED, workspace_id, named)
        exact = [row for row in rows if row[0] == named] or list(rows)
        if not exact:
            raise NotFound(
                f"there is no user or API key {named!r} in this workspace; give its name or id",
                code="not_found.principal",
                context={"principal": named},
            )
        if len(exact) > 1:
            raise _several(named, [str(row[0]) for row in exact])
        return TeamMember(team="", principal=str(exact[0][0]), name=str(exact[0][1]))

    def _member(self, row: Row) -> TeamMember:
        team, principal, name = map(str, row)
        return TeamMember(
            team=team, principal=principal, name=name or (self._local if principal == self._local else "")
        )


def _several(named: str, ids: Sequence[str]) -> Conflict:
    return Conflict(
        f"several have the name {named!r}: {', '.join(ids)}; give an id",
        code="conflict.principal_name",
        context={"principal": named, "ids": ", ".join(ids)},
    )
