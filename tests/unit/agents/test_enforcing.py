"""What the spec of a tool promises holds, whatever box the tool is from."""

from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.skills.enforcing import EnforcedTools
from flowmatik.contracts.tools import Effect, ToolSpec
from flowmatik.kernel.errors import FlowmatikError, NotFound, ToolError
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.agents.skill_files import context


class Tools(FunctionTools):
    """One tool, `work`, that fails so often before it answers."""

    def __init__(self, failures: int = 0, *, retryable: bool = True, **spec: Any) -> None:
        self.left = failures

        async def work(arguments: dict[str, Any], given: object) -> str:
            del arguments, given
            self.left -= 1
            if self.left >= 0:
                raise ToolError("not now", retryable=retryable)
            return "done"

        super().__init__({"work": FunctionTool(function=work)})
        self._said = {"work": replace(super().specs()["work"], **spec)}

    def specs(self) -> dict[str, ToolSpec]:
        return self._said


class Rights:
    async def rights_of(self, workspace_id: str, principal_id: str) -> frozenset[str]:
        known = {"usr_1": "admin", "usr_2": "runs:write memory:read"}
        return frozenset(known.get(principal_id, "").split()) if workspace_id == "w" else frozenset()


def enforced(tools: Tools) -> EnforcedTools:
    return EnforcedTools(tools, Rights(), SkippingClock())


@pytest.mark.parametrize("effect", [Effect.READ, Effect.IDEMPOTENT])
async def test_a_retryable_error_is_tried_again_as_often_as_it_says(effect: Effect) -> None:
    tools = Tools(2, effect=effect, retries=2)
    assert await enforced(tools).call("work", {}, context()) == "done"
    assert len(tools.calls) == 3
    with pytest.raises(ToolError, match="not now"):
        await enforced(Tools(3, effect=effect, retries=2)).call("work", {}, context())


async def test_what_acts_once_and_what_is_not_retryable_is_never_repeated() -> None:
    for tools in (Tools(1, effect=Effect.ONCE, retries=5), Tools(1, retryable=False, retries=5)):
        with pytest.raises(ToolError):
            await enforced(tools).call("work", {}, context())
        assert len(tools.calls) == 1


@pytest.mark.parametrize(
    ("principal", "permitted"),
    [("", True), ("local", True), ("usr_1", True), ("usr_2", True), ("usr_3", False)],
)
async def test_whoever_lacks_a_scope_calls_no_tool_that_needs_it(principal: str, permitted: bool) -> None:
    tools = Tools(scopes=("memory:read",))
    call = enforced(tools).call("work", {}, context(principal=principal))
    if permitted:
        assert await call == "done"
    else:
        with pytest.raises(FlowmatikError) as refused:
            await call
        assert refused.value.code == "auth.denied.tool"
        assert tools.calls == []


async def test_a_run_that_has_read_other_data_than_a_tool_takes_does_not_call_it() -> None:
    tools = Tools(labels_in=("public",))
    assert await enforced(tools).call("work", {}, context(labels=("public",))) == "done"
    with pytest.raises(ToolError) as refused:
        await enforced(tools).call("work", {}, context(labels=("personal", "public")))
    assert (refused.value.code, refused.value.context["labels"]) == ("tool.labels", "personal")
    assert len(tools.calls) == 1


async def test_a_tool_that_costs_is_not_called_again() -> None:
    tools = Tools(1, retries=5, price_usd=0.01)
    with pytest.raises(FlowmatikError):
        await enforced(tools).call("work", {}, context())
    assert len(tools.calls) == 1


async def test_an_unknown_tool_stays_unknown() -> None:
    with pytest.raises(NotFound):
        await enforced(Tools()).call("other", {}, context())
