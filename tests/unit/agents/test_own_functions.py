"""Python functions of a home: loaded apart, run outside of the loop, their answers looked at."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents.skills.own.box import OwnSkillBox
from flowmatik.agents.skills.own.library import load_library
from flowmatik.agents.skills.own.outside import MOST_AT_ONCE, MOST_GIVEN_UP, Outside
from flowmatik.app.texts import Texts
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import FlowmatikError, ToolError, ToolInputInvalid
from tests.unit.agents.skill_files import context, write

HEAD = "from flowmatik.skills import SkillError, ToolContext, skill\n"


@asynccontextmanager
async def box(skills: Path, code: str) -> AsyncGenerator[OwnSkillBox]:
    library = load_library(write(skills, {"one/one.py": HEAD + code}))
    assert library.loaded[0].about.faults == ()
    opened = OwnSkillBox(library)
    try:
        yield opened
    finally:
        await opened.close()


def faults(skills: Path, *, taken: frozenset[str] = frozenset()) -> list[str]:
    return [fault.line() for one in load_library(skills, taken).loaded for fault in one.about.faults]


async def test_a_function_is_a_tool_with_what_its_decorator_says(tmp_path: Path) -> None:
    code = '''
@skill(
    effect="idempotent", timeout=2, scopes=["runs:write"], retries=1, rate_per_minute=6, labels=["personal"]
)
def greet(name: str, context: ToolContext, loud: bool = False) -> str:
    """Greet somebody."""
    said = f"Hello, {name} ({context.workspace_id})"
    return said.upper() if loud else said
'''
    async with box(tmp_path, code) as tools:
        spec = tools.specs()["greet"]
        assert (spec.effect, spec.timeout, spec.scopes, spec.retries) == (
            Effect.IDEMPOTENT, 2.0, ("runs:write",), 1,
        )  # fmt: skip
        assert (spec.rate_per_minute, spec.labels, spec.origin) == (6, ("personal",), "skills/one")
        assert list(spec.parameters["properties"]) == ["name", "loud"]
        assert await tools.call("greet", {"name": "Ada"}, context()) == "Hello, Ada (w)"
        with pytest.raises(ToolInputInvalid, match="name"):
            await tools.call("greet", {"loud": True}, context())
        with pytest.raises(ToolInputInvalid):
            await tools.call("greet", {"name": "Ada", "context": {}}, context())


def test_files_of_one_name_in_two_folders_do_not_meet_and_find_their_own_neighbours(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(
            tmp_path,
            {
                f"{name}/_words.py": f"WORD = {name!r}",
                f"{name}/tool.py": f"{HEAD}from ._words import WORD\n@skill(name='say_{name}')\n"
                f"def say() -> str:\n    'Say it.'\n    return WORD\n",
            },
        )
    found = {own.spec.name: own.function() for one in load_library(tmp_path).loaded for own in one.skills}
    assert found == {"say_a": "a", "say_b": "b"}
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_file_that_cannot_be_loaded_is_told_with_its_line_and_harms_no_other(tmp_path: Path) -> None:
    good = f"{HEAD}@skill()\ndef fine() -> str:\n    'Fine.'\n    return ''\n"
    write(
        tmp_path,
        {
            "a/broken.py": "x = 1\nimport nothing_of_that_name\n",
            "a/torn.py": "def half(:\n",
            "a/leaves.py": "import sys\n\nsys.exit(3)\n",
            "b/good.py": good,
        },
    )
    said = faults(tmp_path)
    assert [line.partition(" ")[0] for line in said] == [
        "skills/a/broken.py:2:", "skills/a/leaves.py:3:", "skills/a/torn.py:1:",
    ]  # fmt: skip
    assert [one.about.name for one in load_library(tmp_path).loaded if one.skills] == ["b"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("@skill()\ndef bare(): return 1", "docstring"),
        ("@skill()\ndef bare(x):\n    'Doc.'", "'x' needs a type"),
        ("@skill()\ndef bare(*x: int):\n    'Doc.'", "no name of its own"),
        ("@skill(effect='twice')\ndef bare():\n    'Doc.'", "effect is read, idempotent or once"),
        ("@skill(scopes=['all'])\ndef bare():\n    'Doc.'", "no scope 'all'"),
        ("@skill(timeout=0)\ndef bare():\n    'Doc.'", "timeout is a number"),
        ("@skill(price_usd=-1)\ndef bare():\n    'Doc.'", "price_usd is a number from 0"),
        ("@skill(price_usd=1, retries=1)\ndef bare():\n    'Doc.'", "each attempt"),
        ("@skill(effect='once', retries=1)\ndef bare():\n    'Doc.'", "take retries out"),
        ("@skill(labels=['A B'])\ndef bare():\n    'Doc.'", "is no label"),
        ("@skill(name='Big')\ndef bare():\n    'Doc.'", "no name for a tool"),
    ],
)
def test_what_cannot_be_offered_is_told_with_file_and_line(tmp_path: Path, code: str, said: str) -> None:
    write(tmp_path, {"one/one.py": HEAD + code})
    (line,) = faults(tmp_path)
    assert line.startswith("skills/one/one.py:2: ")
    assert said in line


def test_of_two_tools_of_one_name_the_first_counts_and_the_other_is_a_fault(tmp_path: Path) -> None:
    code = f"{HEAD}@skill()\ndef fine() -> str:\n    'Fine.'\n    return ''\n"
    write(tmp_path, {"a/one.py": code, "b/one.py": code})
    assert faults(tmp_path) == ["skills/b:1: there is another tool 'fine'; give this one another name"]
    assert len(faults(tmp_path, taken=frozenset({"fine"}))) == 2


@pytest.mark.parametrize(
    ("returns", "code"),
    [
        ("'x' * 50_000_000", "tool.skill.large_result"),
        ("list(range(1_000_000))", "tool.skill.large_result"),
        ("float('nan')", "tool.skill.json"),
        ("{'a': [1, {2, 3}]}", "tool.skill.json"),
        ("{1: 2}", "tool.skill.json"),
        ("'\\ud800'", "tool.skill.json"),
        ("2 ** 70", "tool.skill.json"),
        ("(x := []).append(x) or x", "tool.skill.large_result"),
        ("open", "tool.skill.json"),
    ],
)
async def test_what_json_cannot_carry_is_a_clear_error(tmp_path: Path, returns: str, code: str) -> None:
    async with box(tmp_path, f"@skill()\ndef give():\n    'Give.'\n    return {returns}\n") as tools:
        with pytest.raises(ToolError) as refused:
            await tools.call("give", {}, context())
        assert refused.value.code in (code, "tool.skill.json")
        assert code == refused.value.code or "append" in returns


async def test_an_answer_of_another_type_than_declared_is_a_clear_error(tmp_path: Path) -> None:
    async with box(
        tmp_path, "@skill()\ndef give() -> dict[str, int]:\n    'Give.'\n    return 'x'\n"
    ) as tools:
        with pytest.raises(ToolError) as refused:
            await tools.call("give", {}, context())
        assert refused.value.code == "tool.skill.type"
        assert refused.value.message.endswith("result: Input should be a valid dictionary")
        assert "(«result: debe ser un objeto»)" in Texts("es").error(refused.value)


async def test_what_a_skill_raises_comes_out_and_an_exit_ends_nothing_but_the_call(tmp_path: Path) -> None:
    code = """
@skill()
def fails(): "Fail."; raise ValueError("no")
@skill()
def refuses(): "Refuse."; raise SkillError("not today", retryable=True)
@skill()
def leaves(): "Leave."; raise SystemExit(3)
@skill()
async def leaves_too(): "Leave."; raise KeyboardInterrupt
@skill()
async def answers(): "Answer."; return 1
"""
    async with box(tmp_path, code) as tools:
        for name, kind in (("fails", ValueError), ("refuses", ToolError)):
            with pytest.raises(kind):
                await tools.call(name, {}, context())
        for name in ("leaves", "leaves_too"):
            with pytest.raises(RuntimeError):
                await tools.call(name, {}, context())
        assert await tools.call("answers", {}, context()) == 1


async def test_a_skill_that_hangs_holds_up_neither_the_loop_nor_its_neighbours(tmp_path: Path) -> None:
    code = """
import threading
@skill(timeout=0.2)
def hangs(): "Hang."; threading.Event().wait(3)
@skill(timeout=0.2)
async def blocks(): "Block."; threading.Event().wait(3)
@skill(timeout=0.2)
async def waits(): "Wait."; import asyncio; await asyncio.sleep(30)
@skill()
async def answers(): "Answer."; return 1
"""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async with box(tmp_path, code) as tools:
        beating = asyncio.create_task(beat())
        begun = time.monotonic()
        for name in ("hangs", "waits", "blocks"):
            with pytest.raises(ToolError) as refused:
                await tools.call(name, {}, context())
            assert refused.value.code == "tool.timeout"
        assert await tools.call("answers", {}, context()) == 1
        assert time.monotonic() - begun < 2.5
        assert beats > 20
        beating.cancel()


async def test_only_so_many_calls_may_hang() -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(20)

    async def block() -> None:
        release.wait(20)

    outside = Outside("one")
    try:
        for function, most in ((hang, MOST_AT_ONCE), (block, MOST_GIVEN_UP)):
            codes = [await _code(outside, function) for _ in range(most + 1)]
            assert codes == ["tool.timeout"] * most + ["tool.skill.busy"]
    finally:
        release.set()
        outside.close()


async def _code(outside: Outside, function: Any) -> str:
    with pytest.raises(FlowmatikError) as refused:
        await outside.run("t", function, {}, 0.01)
    return refused.value.code
