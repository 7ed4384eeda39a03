"""Budgets and teams of an installation, over its store."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.app.local_key import local_key_id
from flowmatik.app.local_principal import local_principal
from flowmatik.app.models import known_providers
from flowmatik.app.settings import Settings
from flowmatik.contracts.budgets import TeamMember
from flowmatik.contracts.database import Database
from flowmatik.core.budgets import StoredBudgets, budget_chores
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.port import Journal
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.security import StoredTeams


def teams_of(settings: Settings, database: Database, clock: Clock) -> "StoredTeams":
    from flowmatik.security import StoredTeams

    return StoredTeams(database, clock, local=local_principal("").id, owner_of=_owner_of(settings))


def _owner_of(settings: Settings) -> Callable[[str], str]:
    """This user's commands are the local administrator's, through whichever process they go."""
    local = local_principal("").id

    def owner_of(principal: str) -> str:
        return local if principal and principal == local_key_id(settings) else principal

    return owner_of


@dataclass(frozen=True, slots=True)
class InstalledPayers:
    """Implements `Payers`."""

    members: "StoredTeams"
    models: Gateway

    async def principal(self, workspace_id: str, named: str) -> TeamMember:
        return await self.members.principal(workspace_id, named)

    async def teams(self, workspace_id: str) -> Collection[str]:
        return {one.team for one in await self.members.members(workspace_id)}

    def providers(self) -> Collection[str]:
        return known_providers(self.models)


def budgets_of(
    settings: Settings, engine: EngineHandle, journal: Journal, payers: InstalledPayers, clock: Clock
) -> StoredBudgets:
    """And who tells of their alerts."""
    from flowmatik.agents import ReducerLoop

    for chore in budget_chores(journal, engine.bus, clock):
        engine.housekeeper.add(chore)
    return StoredBudgets(journal, ReducerLoop(), payers, clock, settings.display_currency)
