"""Several tool boxes as one: those that ship, those of the home, those of servers."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.tools import Reconciled, ToolBox, ToolContext, ToolSpec
from flowmatik.kernel.errors import NotFound


class ToolUnion:
    """Implements `ToolBox`. Boxes may change what they offer while the program runs. Of two tools of one name
    the earlier box's counts: nothing that is added takes the place of what profiles already name."""

    def __init__(self, boxes: Sequence[ToolBox]) -> None:
        self._boxes = tuple(boxes)

    def specs(self) -> dict[str, ToolSpec]:
        found: dict[str, ToolSpec] = {}
        for box in reversed(self._boxes):
            found.update(box.specs())
        return found

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        return await self._box(name, context).call(name, arguments, context)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        return await self._box(name, context).reconcile(name, arguments, context)

    def _box(self, name: str, context: ToolContext) -> ToolBox:
        """Whose the tool is. Raises NotFound, for a tool that the workspace may not have as well."""
        for box in self._boxes:
            spec = box.specs().get(name)
            if spec is None:
                continue
            if spec.workspaces and context.workspace_id not in spec.workspaces:
                break
            return box
        there = ", ".join(
            sorted(
                known
                for known, spec in self.specs().items()
                if not spec.workspaces or context.workspace_id in spec.workspaces
            )
        )
        raise NotFound(
            f"there is no tool {name!r}; there is {there}",
            code="not_found.tool",
            context={"tool": name, "known": there},
        )
