"""Whose documents a user, or a key, may see."""

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.security import PrincipalRights

ADMIN = "role:admin"


class KnownAudience:
    """Implements `Audience` by the teams and the rights that somebody has now."""

    def __init__(self, bearers: Bearers, rights: PrincipalRights) -> None:
        self._bearers = bearers
        self._rights = rights

    async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
        bearing = await self._bearers.bearing(workspace_id, principal)
        is_admin = "admin" in await self._rights.rights_of(workspace_id, bearing.principals[0])
        return frozenset((
            *(f"user:{one}" for one in bearing.principals),
            *(f"team:{one}" for one in bearing.teams),
            *((ADMIN,) if is_admin else ()),
        ))  # fmt: skip
