"""Arithmetic and files: exact, bounded, and exactly once."""

import asyncio
import fcntl
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from flowmatik.agents.skills.box import SkillBox, skill
from flowmatik.agents.skills.calculator import evaluate
from flowmatik.agents.skills.files import file_skills
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.kernel.errors import NotFound, ToolInputInvalid


@pytest.mark.parametrize(
    ("expression", "result", "unit"),
    [
        ("0.1 + 0.2", "0.3", ""),
        ("20% * 50", "10", ""),
        ("3 h + 20 min to min", "200", "min"),
        ("-2^2", "-4", ""),
        ("12 EUR * 3", "36", "€"),
        ("1/3", "≈0.333333333333", ""),
    ],
)
def test_arithmetic_is_exact_and_knows_units(expression: str, result: str, unit: str) -> None:
    found = evaluate(expression)
    assert (found["result"], found["unit"]) == (result, unit)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 1000))
def test_whole_numbers_are_computed_as_python_does(a: int, b: int, c: int) -> None:
    assert evaluate(f"({a}) * ({b}) + {c} - ({b})")["exact"] == str(a * b + c - b)


@pytest.mark.parametrize(
    "expression", ["9^9^9", "3 m + 2 s", "1,5 + 2", "(1", "__import__", "1/0", "7 foo", "2 2 +"]
)
def test_what_cannot_be_computed_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ToolInputInvalid, match="calculate"):
        evaluate(expression)


def context(key: str) -> ToolContext:
    return ToolContext(workspace_id="w", run_id="r", call_id="c", idempotency_key=key)


async def test_the_same_key_appends_once_and_can_be_asked_about(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    arguments: dict[str, Any] = {"path": "notes.txt", "line": "hello"}
    assert (await box.reconcile("file_append", arguments, context("k1"))).state == "void"
    for key in ("k1", "k1", "k2"):
        await box.call("file_append", arguments, context(key))
    assert (tmp_path / "notes.txt").read_text() == "hello\nhello\n"
    assert (await box.reconcile("file_append", arguments, context("k1"))).state == "found"
    assert (await box.reconcile("file_append", arguments, context("k3"))).state == "void"


async def test_a_key_whose_line_never_followed_is_taken_back(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    (tmp_path / ".notes.txt.keys").write_text("k1 0\n")  # as after a crash between the two writes
    arguments: dict[str, Any] = {"path": "notes.txt", "line": "hello"}
    assert (await box.reconcile("file_append", arguments, context("k1"))).state == "void"
    await box.call("file_append", arguments, context("k1"))
    assert (tmp_path / "notes.txt").read_text() == "hello\n"


@pytest.mark.parametrize("path", ["../out.txt", "/etc/passwd", "a/../../b", "."])
async def test_a_path_out_of_the_outbox_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ToolInputInvalid, match="outbox"):
        await SkillBox(file_skills(tmp_path / "in")).call(
            "file_append", {"path": path, "line": "x"}, context("k")
        )


async def test_arguments_are_checked_and_unknown_tools_not_found(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    with pytest.raises(ToolInputInvalid, match="line"):
        await box.call("file_append", {"path": "a"}, context("k"))
    with pytest.raises(NotFound, match="file_append"):
        await box.call("nothing", {}, context("k"))


@pytest.mark.parametrize(
    ("expression", "result", "unit"),
    [
        ("5 m / 2 cm", "250", ""),
        ("1 km^2 to m^2", "1000000", "m^2"),
        ("20 degC to degF", "68", "°F"),
        ("10 EUR/kWh * 3 kWh", "30", "€"),
        ("100 km/h to m/s", "≈27.777777777778", "m / s"),
        ("1/3000000000", "≈3.33333333333E-10", ""),
    ],
)
def test_units_cancel_and_stay_with_their_number(expression: str, result: str, unit: str) -> None:
    found = evaluate(expression)
    assert (found["result"], found["unit"]) == (result, unit)


@pytest.mark.parametrize("expression", ["(99999^1000)^1000", "99999^1000", "1e999^999"])
def test_a_number_too_long_is_refused_before_it_is_computed(expression: str) -> None:
    with pytest.raises(ToolInputInvalid, match="too large"):
        evaluate(expression)


async def test_a_torn_line_is_cut_off_and_written_whole(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    arguments: dict[str, Any] = {"path": "notes.txt", "line": "hello"}
    await box.call("file_append", arguments, context("k1"))
    (tmp_path / "notes.txt").write_text("hello\nhel")  # as after a crash within the second line
    with (tmp_path / ".notes.txt.keys").open("a") as keys:
        keys.write("k2 6\n")
    assert (await box.reconcile("file_append", arguments, context("k2"))).state == "void"
    await box.call("file_append", arguments, context("k2"))
    assert (tmp_path / "notes.txt").read_text() == "hello\nhello\n"


async def test_a_person_may_empty_the_file_without_making_calls_undone(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    arguments: dict[str, Any] = {"path": "notes.txt", "line": "hello"}
    await box.call("file_append", arguments, context("k1"))
    (tmp_path / "notes.txt").write_text("")
    assert (await box.reconcile("file_append", arguments, context("k1"))).state == "found"


async def test_a_call_given_up_while_it_waits_never_writes(tmp_path: Path) -> None:
    box = SkillBox(file_skills(tmp_path))
    arguments: dict[str, Any] = {"path": "notes.txt", "line": "late"}
    with (tmp_path / ".notes.txt.keys").open("a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await box.call("file_append", arguments, context("k1"))
    # The thread of the first call had the lock before or after this one; either way it wrote nothing.
    await box.call("file_append", arguments | {"line": "next"}, context("k2"))
    assert (await box.reconcile("file_append", arguments, context("k1"))).state == "void"
    assert (tmp_path / "notes.txt").read_text() == "next\n"


@pytest.mark.parametrize("path", [".notes.txt.keys", "a/.hidden", "x\0y", "ñ" * 200])
async def test_hidden_and_impossible_names_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ToolInputInvalid, match="file_append: path"):
        await SkillBox(file_skills(tmp_path)).call("file_append", {"path": path, "line": "x"}, context("k"))
    assert not (tmp_path / ".notes.txt.keys").exists()


async def test_a_decorated_function_is_a_skill_whose_bounds_are_checked() -> None:
    @skill(name="twice", effect=Effect.IDEMPOTENT)
    async def double(context: ToolContext, n: Annotated[int, Field(le=10)] = 1) -> int:
        """Twice a small number."""
        del context
        return 2 * n

    box = SkillBox([double])
    assert box.specs()["twice"].effect is Effect.IDEMPOTENT
    assert await box.call("twice", {"n": 4}, context("k")) == 8
    with pytest.raises(ToolInputInvalid, match=r"n: .*10"):
        await box.call("twice", {"n": 11}, context("k"))


async def test_a_plain_function_may_be_registered_and_must_have_types() -> None:
    async def shout(context: ToolContext, word: str) -> str:
        """A word, louder."""
        del context
        return word.upper()

    box = SkillBox([])
    box.register(shout)
    assert await box.call("shout", {"word": "a"}, context("k")) == "A"
    shout.__annotations__.pop("word")
    with pytest.raises(ValueError, match="a type on word"):
        SkillBox([]).register(shout)
