"""Arithmetic and files: exact, bounded, and exactly once."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.calculator import evaluate
from flowmatik.agents.skills.files import file_skills
from flowmatik.contracts.tools import ToolContext
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
