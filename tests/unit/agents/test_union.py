"""Several tool boxes answer as one, and each workspace sees its own."""

from dataclasses import replace

import pytest

from flowmatik.agents.skills.box import Skill, SkillBox, skill
from flowmatik.agents.skills.union import ToolUnion
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import NotFound


def named(name: str, said: str, workspaces: tuple[str, ...] = ()) -> Skill:
    async def answer(context: ToolContext) -> str:
        """Say it."""
        return said

    made = skill(answer, name=name)
    return replace(made, spec=replace(made.spec, workspaces=workspaces))


def context(workspace_id: str) -> ToolContext:
    return ToolContext(workspace_id=workspace_id, run_id="run_1", call_id="call_1", idempotency_key="k")


async def test_of_two_tools_of_one_name_the_earlier_box_answers() -> None:
    union = ToolUnion(
        [SkillBox([named("greet", "shipped")]), SkillBox([named("greet", "own"), named("part", "bye")])]
    )
    assert set(union.specs()) == {"greet", "part"}
    assert await union.call("greet", {}, context("w")) == "shipped"
    assert await union.call("part", {}, context("w")) == "bye"


async def test_a_tool_of_other_workspaces_is_none_that_is_known() -> None:
    union = ToolUnion([SkillBox([named("greet", "hello", ("a",)), named("part", "bye")])])
    assert await union.call("greet", {}, context("a")) == "hello"
    for ask in (union.call, union.reconcile):
        with pytest.raises(NotFound) as refused:
            await ask("greet", {}, context("b"))
        assert refused.value.context["known"] == "part"
