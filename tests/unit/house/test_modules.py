"""How the source is laid out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.house.repository import ROOT, SOURCE, modules, python_files

HEADINGS = ["Purpose", "Depends on", "Internal API", "How to add a plugin"]
WITHOUT_README = {"app"}
LONGEST_FILE = 400
# May only fall. A suppression names its code and has its reason beside it.
SUPPRESSIONS = {"src": 11, "tests": 5, "scripts": 0}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_every_module_explains_itself_under_the_same_headings(module: Path) -> None:
    readme = module / "README.md"
    if module.name in WITHOUT_README and not readme.exists():
        return
    assert readme.exists(), f"{relative(module)} has no README.md with the headings {HEADINGS}"
    found = re.findall(r"^## (.+?)\s*$", readme.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert found == HEADINGS


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in python_files()}
    assert [relative(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_only_the_kernels_driver_imports_sqlite() -> None:
    drivers = {"sqlite3", "pysqlite3", "apsw", "aiosqlite"}
    roots = {path: {name.partition(".")[0] for name in imported(path)} for path in python_files()}
    users = {relative(path) for path, names in roots.items() if names & drivers}
    assert users == {"src/flowmatik/kernel/sqlite.py"}


def test_only_the_settings_read_the_environment() -> None:
    pattern = re.compile(r"\bos\.(environ|getenv)\b|\bfrom os import .*\b(environ|getenv)\b")
    readers = {relative(path) for path in python_files() if pattern.search(path.read_text(encoding="utf-8"))}
    writers = {"src/flowmatik/kernel/products.py"}  # what another library reads when it is loaded
    assert readers <= {"src/flowmatik/app/settings.py", *writers}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    named = [p for p in SOURCE.rglob("*") if p.stem.strip("_") in drawers and p.suffix in ("", ".py")]
    assert [relative(path) for path in named] == []


@pytest.mark.parametrize("folder", SUPPRESSIONS)
def test_suppressions_name_their_code_and_only_become_fewer(folder: str) -> None:
    pattern = re.compile(r"#\s*(noqa|type: ignore|pyright: ignore)(:?\s*\w+\d|\[\w+)?", re.IGNORECASE)
    found: list[str] = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if match := pattern.search(line):
                assert match[2], f"{relative(path)}:{number} suppresses everything; name the code"
                found.append(f"{relative(path)}:{number}")
    allowed = SUPPRESSIONS[folder]
    assert len(found) <= allowed, f"{len(found)} suppressions, {allowed} allowed: {found}"
