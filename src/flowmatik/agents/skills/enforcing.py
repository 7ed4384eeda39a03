"""What a tool's spec promises is kept here, whatever box the tool is from: scopes, labels, retries."""

from typing import Any

from flowmatik.contracts.security import PrincipalRights
from flowmatik.contracts.tools import Effect, Reconciled, ToolBox, ToolContext, ToolSpec
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, PermissionDenied, ToolError

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
LOCAL = "local"  # whoever may write the home's files has every right


class EnforcedTools:
    """Implements `ToolBox` around another. Nothing of a call that is refused here has begun."""

    def __init__(self, tools: ToolBox, rights: PrincipalRights, clock: Clock) -> None:
        self._tools = tools
        self._rights = rights
        self._clock = clock

    def specs(self) -> dict[str, ToolSpec]:
        return self._tools.specs()

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        spec = self.specs().get(name)
        if spec is None:
            return await self._tools.call(name, arguments, context)  # says what there is
        await self._check_scopes(spec, context)
        _check_labels(spec, context)
        again = spec.effect is not Effect.ONCE and not spec.price_usd  # each attempt would cost
        for n in range(spec.retries if again else 0):
            try:
                return await self._tools.call(name, arguments, context)
            except FlowmatikError as error:
                if not error.retryable or error.code == "tool.timeout":  # there is no time left
                    raise
            await self._clock.sleep(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE))
        return await self._tools.call(name, arguments, context)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        """Also for whoever has lost the right since: what was done has to be known."""
        return await self._tools.reconcile(name, arguments, context)

    async def _check_scopes(self, spec: ToolSpec, context: ToolContext) -> None:
        if not spec.scopes or context.principal in ("", LOCAL):
            return
        has = await self._rights.rights_of(context.workspace_id, context.principal)
        lacking = [] if "admin" in has else [scope for scope in spec.scopes if scope not in has]
        if lacking:
            names = ", ".join(lacking)
            raise PermissionDenied(
                f"the tool {spec.name!r} needs {names}, which whoever this run acts for does not have",
                code="auth.denied.tool",
                context={"tool": spec.name, "scopes": names},
            )


def _check_labels(spec: ToolSpec, context: ToolContext) -> None:
    """By what the whole run has read: whether any of it is in the arguments is not looked at."""
    if spec.labels_in is None:
        return
    if beyond := sorted(set(context.labels) - set(spec.labels_in)):
        names = ", ".join(beyond)
        raise ToolError(
            f"the tool {spec.name!r} is not called by a run that has read data of the kind {names}; "
            "only what the tool names under labels_in may be there",
            code="tool.labels",
            context={"tool": spec.name, "labels": names},
        )
