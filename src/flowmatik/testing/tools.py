"""A tool box of plain functions: the port for tests and for the engine's benchmarks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.tools import Effect, Reconciled, ToolContext, ToolSpec
from flowmatik.kernel.errors import NotFound

ToolFunction = Callable[[dict[str, Any], ToolContext], Awaitable[Any]]
ReconcileFunction = Callable[[dict[str, Any], ToolContext], Awaitable[Reconciled]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool:
    function: ToolFunction
    effect: Effect = Effect.READ
    timeout: float = 5.0
    reconcile: ReconcileFunction | None = None
    price_usd: float = 0.0
    parameters: dict[str, Any] = field(default_factory=lambda: {"type": "object"})


class FunctionTools:
    """Counts every call in `calls` as (name, call id, idempotency key)."""

    def __init__(self, tools: dict[str, FunctionTool]) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self._tools = tools
        self._specs = {
            name: ToolSpec(
                name=name,
                description=name,
                parameters=tool.parameters,
                effect=tool.effect,
                timeout=tool.timeout,
                reconcilable=tool.reconcile is not None,
                price_usd=tool.price_usd,
            )
            for name, tool in tools.items()
        }

    def specs(self) -> dict[str, ToolSpec]:
        return self._specs

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        tool = self._tools.get(name)
        if tool is None:
            raise NotFound(
                f"no tool {name!r}",
                code="not_found.tool",
                context={"tool": name, "known": ", ".join(self.specs())},
            )
        self.calls.append((name, context.call_id, context.idempotency_key))
        return await tool.function(arguments, context)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        hook = self._tools[name].reconcile
        return Reconciled(state="unknown") if hook is None else await hook(arguments, context)
