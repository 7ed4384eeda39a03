"""Who sees what: facts of the workspace, what its agents know for everybody, of one's teams, one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.facts import Fact, FactScope

Condition = tuple[str, Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """`person`: the user behind whatever key is used. `direct`: it is that user who speaks, and not a program
    with their key, behind which anybody may be."""

    person: str
    direct: bool = True
    teams: tuple[str, ...] = ()

    def sees(self, fact: Fact) -> bool:
        if fact.scope is FactScope.TEAM and fact.owner not in self.teams:
            return False
        return fact.person in ("", self.person)

    def conditions(self) -> list[Condition]:
        """The same for SQL."""
        found: list[Condition] = [("l.person = '' OR l.person = {}", (self.person,))]
        if not self.teams:
            return [*found, ("l.scope <> 'team'", ())]
        places = ", ".join(["{}"] * len(self.teams))
        return [*found, (f"l.scope <> 'team' OR l.owner IN ({places})", self.teams)]


class Viewers:
    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    async def of(self, workspace_id: str, principal: str) -> Viewer:
        """A key is whoever made it."""
        bearing = await self._bearers.bearing(workspace_id, principal)
        person = bearing.principals[-1] if bearing.principals else principal
        return Viewer(person=person, teams=bearing.teams, direct=len(bearing.principals) < 2)
