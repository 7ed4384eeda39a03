"""The check of the layers notices what it is there for: each rule is broken once, in a copy."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.house.repository import ROOT, SOURCE


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(SOURCE, tmp_path / "src" / "flowmatik", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def layers_of(copy: Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(ROOT / ".venv/bin/lint-imports"), "--no-logo", "--no-cache"],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def add(copy: Path, file: str, line: str) -> None:
    path = copy / "src" / "flowmatik" / file
    path.parent.mkdir(exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")


def new_module(copy: Path) -> None:
    add(copy, "billing/__init__.py", '"""A module that nobody has given a place."""')


def upwards(copy: Path) -> None:
    add(copy, "kernel/clock.py", "import flowmatik.contracts.runs")


def sideways(copy: Path) -> None:
    add(copy, "memory/store.py", "import flowmatik.core.service")


def into_the_stores(copy: Path) -> None:
    add(copy, "core/journal/sqlite.py", "import flowmatik.stores.sqlite")


def between_plugins(copy: Path) -> None:
    add(copy, "memory/parsers/text/__init__.py", "import flowmatik.memory.parsers.pdf.layout")


def a_vendor_in_the_kernel(copy: Path) -> None:
    add(copy, "kernel/clock.py", "import httpx")


def in_a_circle(copy: Path) -> None:
    add(copy, "kernel/errors.py", "import flowmatik.kernel.plugins")


def test_the_source_as_it_is_keeps_every_rule(copy: Path) -> None:
    code, said = layers_of(copy)
    assert (code, "0 broken" in said) == (0, True), said


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        (new_module, "flowmatik.billing"),
        (upwards, "flowmatik.kernel.clock -> flowmatik.contracts.runs"),
        (sideways, "flowmatik.memory.store -> flowmatik.core.service"),
        (into_the_stores, "flowmatik.core.journal.sqlite -> flowmatik.stores.sqlite"),
        (between_plugins, "flowmatik.memory.parsers.text -> flowmatik.memory.parsers.pdf.layout"),
        (a_vendor_in_the_kernel, "flowmatik.kernel.clock -> httpx"),
        (in_a_circle, "No file or folder needs another that needs it BROKEN"),
    ],
)
def test_a_breach_of_a_rule_is_told(copy: Path, breach: Callable[[Path], None], told: str) -> None:
    breach(copy)
    code, said = layers_of(copy)
    assert code == 1
    assert told in said
