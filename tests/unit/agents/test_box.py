"""The tool box: what it promises about every skill, whatever the skill does."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from flowmatik.agents import build_toolbox
from flowmatik.agents.skills.box import SkillBox, skill
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.kernel.errors import NotFound, ToolError, ToolInputInvalid

AT = ToolContext(workspace_id="w", run_id="r", call_id="c", idempotency_key="k")


async def echo(context: ToolContext, word: str, times: int = 1) -> list[str]:
    """Say a word again."""
    return [context.workspace_id, *[word] * times]


async def test_the_schema_comes_from_the_signature_and_docstring() -> None:
    spec = SkillBox([skill(echo)]).specs()["echo"]
    assert spec.description == "Say a word again."
    assert set(spec.parameters["properties"]) == {"word", "times"}
    assert spec.parameters["required"] == ["word"]
    assert spec.parameters["additionalProperties"] is False
    assert (spec.effect, spec.reconcilable) == (Effect.READ, False)


async def test_a_skill_gets_the_context_and_its_defaults() -> None:
    assert await SkillBox([skill(echo)]).call("echo", {"word": "a"}, AT) == ["w", "a"]


async def test_an_argument_that_is_not_known_is_named() -> None:
    with pytest.raises(ToolInputInvalid, match=r"echo: loud: "):
        await SkillBox([skill(echo)]).call("echo", {"word": "a", "loud": True}, AT)


async def test_a_skill_that_takes_too_long_is_stopped() -> None:
    stopped = asyncio.Event()

    async def endless(context: ToolContext) -> None:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(ToolError, match=r"endless did not finish within 0\.01 s") as caught:
        await SkillBox([skill(endless, timeout=0.01)]).call("endless", {}, AT)
    assert (caught.value.code, caught.value.retryable) == ("tool.timeout", True)
    assert stopped.is_set()


async def test_two_skills_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="'echo' already"):
        SkillBox([skill(echo), skill(echo)])


async def test_a_function_without_a_docstring_or_context_is_no_skill() -> None:
    async def silent(context: ToolContext) -> None: ...

    async def bare() -> None:
        """Nothing to say."""

    for function in (silent, bare):
        with pytest.raises(ValueError, match="docstring"):
            skill(function)


async def test_only_a_skill_that_can_be_asked_is_asked() -> None:
    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        return Reconciled(state="found", result=[arguments, context.idempotency_key])

    box = SkillBox([skill(echo), skill(echo, name="asked", effect=Effect.ONCE, reconcile=ask)])
    assert (await box.reconcile("echo", {"word": "a"}, AT)).state == "unknown"
    assert (await box.reconcile("asked", {"word": "a"}, AT)).result == [{"word": "a"}, "k"]
    assert box.specs()["asked"].reconcilable
    with pytest.raises(NotFound, match="asked, echo"):
        await box.reconcile("nothing", {}, AT)


async def test_of_the_tools_that_ship_only_the_one_that_writes_is_not_read_only(tmp_path: Path) -> None:
    specs = build_toolbox(cast("Any", None), outbox=tmp_path).specs()
    writing = {name: spec for name, spec in specs.items() if spec.effect is not Effect.READ}
    assert set(writing) == {"file_append"}
    assert writing["file_append"].reconcilable
    assert {"memory_search", "tables_describe", "tables_query", "calculate", "citations_check"} <= set(specs)
