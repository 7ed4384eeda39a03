"""Whose documents a user, or a key, may see."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.memory import Audience
from flowmatik.contracts.security import PrincipalRights, UserNames

if TYPE_CHECKING:
    from flowmatik.memory import StoredMemory

ADMIN = "role:admin"


class KnownAudience:
    """Implements `Audience` by the teams and the rights that somebody has now. Sources from elsewhere know
    people by their addresses and groups by their names: a user whose name here is that address, and a team
    of that name, are the same."""

    def __init__(self, bearers: Bearers, rights: PrincipalRights, names: UserNames) -> None:
        self._bearers = bearers
        self._rights = rights
        self._names = names

    async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
        bearing = await self._bearers.bearing(workspace_id, principal)
        names = await self._names.names_of(workspace_id, bearing.principals)
        is_admin = "admin" in await self._rights.rights_of(workspace_id, bearing.principals[0])
        return frozenset((
            *(f"user:{one}" for one in bearing.principals),
            *(f"team:{one}" for one in bearing.teams),
            *(f"user:{one.lower()}" for one in names if "@" in one),
            *(f"group:{one.lower()}" for one in bearing.teams),
            *((ADMIN,) if is_admin else ()),
        ))  # fmt: skip


class SourcesFor:
    """Implements `SourceIndex`: the sources of memory as whoever asks for a run may see them."""

    def __init__(self, memory: "StoredMemory", audience: Audience) -> None:
        self._memory = memory
        self._audience = audience

    async def missing(self, workspace_id: str, sources: Sequence[str], principal: str) -> list[str]:
        on_behalf = await self._audience.on_behalf(workspace_id, principal)
        return await self._memory.missing(workspace_id, sources, on_behalf=on_behalf)
