"""Which models see pictures: what the model list says, else what probes found out."""

from collections.abc import Callable, Sequence
from typing import Protocol

from flowmatik.integrations.probing.store import StoredProbes

LOCAL = "local"  # works with words alone


class Served(Protocol):
    @property
    def model(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def vision(self) -> bool | None: ...


class KnownSight:
    """Implements `Sight`. `behind` says which deployments may serve a model."""

    def __init__(self, behind: Callable[[str], Sequence[Served]], probes: StoredProbes) -> None:
        self._behind = behind
        self._probes = probes

    async def sees(self, workspace_id: str, model: str) -> bool | None:
        found = [await self._one(workspace_id, served) for served in self._behind(model)]
        if any(found):
            return True
        return None if None in found or not found else False

    async def _one(self, workspace_id: str, served: Served) -> bool | None:
        if served.provider == LOCAL:
            return False
        if served.vision is not None:
            return served.vision
        probed = await self._probes.get(workspace_id, served.model)
        return None if probed is None or probed.expired else probed.able("vision")
