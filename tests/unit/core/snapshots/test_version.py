"""A snapshot is believed only by a program that folds alike: whatever the fold imports is in its version."""

import ast
from pathlib import Path

import flowmatik
from flowmatik.agents import loop as loop_module
from flowmatik.agents.loop import ReducerLoop
from flowmatik.core.snapshots.version import ROOT, SOURCES, fold_version
from flowmatik.kernel.sources import digest_of, files_of
from tests.unit.core.engines import NoLoop

# What is only the form of events that are stored, or is raised: it changes no state.
HARMLESS = (
    "__init__.py", "core/__init__.py", "core/journal/", "kernel/__init__.py", "kernel/errors.py",
    "kernel/events.py", "kernel/sources.py",
)  # fmt: skip
BEGINNINGS = ("flowmatik.core.fold", "flowmatik.core.snapshots.bodies", "flowmatik.core.state")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def file_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split(".")[1:])
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()), None)


def imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("flowmatik"):
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {module for module in found if file_of(module)}


def closure(*modules: str) -> set[Path]:
    """The files that these modules need, one by one."""
    seen: set[Path] = set()
    waiting = list(modules)
    while waiting:
        file = file_of(waiting.pop())
        if file is not None and file not in seen:
            seen.add(file)
            waiting += imported(file)
    return seen


def test_everything_that_the_fold_imports_is_part_of_its_version() -> None:
    assert Path(flowmatik.__file__).parent == ROOT
    covered = set(files_of(ROOT / place for place in SOURCES))
    needed = {file for file in closure(*BEGINNINGS) if not name_of(file).startswith(HARMLESS)}
    missing = sorted(name_of(file) for file in needed - covered)
    assert not missing, f"add them to SOURCES of core/snapshots/version.py: {missing}"
    assert len(needed) > 15


def test_everything_that_the_loop_imports_is_part_of_its_version() -> None:
    own = {Path(loop_module.__file__), Path(loop_module.__file__).with_name("output.py")}
    covered = set(files_of(ROOT / place for place in SOURCES)) | own
    needed = closure("flowmatik.agents.loop")
    missing = [f for f in needed - covered if not name_of(f).startswith(HARMLESS)]
    assert {f.name for f in missing} <= {"__init__.py"}, missing


def test_a_change_of_any_of_the_files_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    before = digest_of(tmp_path, ("a", "b.py"))
    assert before == digest_of(tmp_path, ("b.py", "a"))
    (tmp_path / "a" / "x.py").write_text("3")
    changed = digest_of(tmp_path, ("a", "b.py"))
    (tmp_path / "a" / "y.py").write_text("")
    assert len({before, changed, digest_of(tmp_path, ("a", "b.py"))}) == 3


def test_another_loop_is_another_version() -> None:
    assert fold_version(NoLoop()) != fold_version(ReducerLoop())
    assert fold_version(ReducerLoop()) == fold_version(ReducerLoop())
