"""Memory as it is for whoever a tool is called for."""

from flowmatik.contracts.memory import Audience
from flowmatik.contracts.tools import ToolContext


class Callers:
    """Without an audience, as in a trial of one's own, a tool works for the workspace itself."""

    def __init__(self, audience: Audience | None = None) -> None:
        self._audience = audience

    async def of(self, context: ToolContext) -> frozenset[str] | None:
        if self._audience is None:
            return None
        return await self._audience.on_behalf(context.workspace_id, context.principal)


NOBODY = Callers()
