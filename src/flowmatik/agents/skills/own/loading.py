"""Loads the Python files of one skill folder: apart from every other, and without harm when they fail.

Each folder is a package of its own, under a name that no other has, so that files of one name do not meet
and `from .prices import PRICES` finds the neighbour. Nothing is put on the path of imports.
"""

import hashlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from flowmatik.agents.skills.own.declared import MARK, OwnSkill, described
from flowmatik.contracts.skills import SkillFault

LOAD_SECONDS = 10.0
PREFIX = "flowmatik_skill_"


class _Fresh(SourceFileLoader):
    """From the source as it is now: what was compiled before may be of an older one, and nothing is
    written into the folder."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Neighbours:
    """Finds what a file of a skill folder imports from beside it, and loads that in the same way."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not fullname.startswith(PREFIX):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Fresh(fullname, spec.origin)
        return spec


def python_files(folder: Path) -> list[Path]:
    """Those that may hold skills, in the folder or in its `tools`; not tests, nor names with an
    underscore first, which are for the others to import."""
    places = [folder, folder / "tools"]
    found = [path for place in places for path in sorted(place.glob("*.py")) if path.is_file()]
    return [path for path in found if not path.name.startswith(("_", "test_", "conftest"))]


def load_folder(folder: Path) -> tuple[list[OwnSkill], list[SkillFault]]:
    """The skills of the folder, and what is wrong with the rest."""
    forget(folder)
    skills: list[OwnSkill] = []
    faults: list[SkillFault] = []
    for path in python_files(folder):
        try:
            module = load_module(folder, path)
        except ImportFailed as error:
            faults.append(_fault(folder, path, error.line, "import", said=str(error)))
            continue
        for function in _marked(module):
            line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
            try:
                skills.append(described(function, folder.name))
            except Exception as error:  # whatever its annotations do when they are looked at
                said = " ".join(str(error).split())[:300] or type(error).__name__
                faults.append(_fault(folder, path, line, "function", said=said))
    return skills, faults


class ImportFailed(Exception):
    """`line`: of the file that was loaded."""

    def __init__(self, said: str, line: int = 1) -> None:
        super().__init__(said)
        self.line = line


def load_module(folder: Path, path: Path) -> ModuleType:
    """Raises ImportFailed, also for a file that does not come to its end."""
    failed: list[BaseException] = []
    loaded: list[ModuleType] = []

    def work() -> None:
        try:
            loaded.append(_module(folder, path))
        except BaseException as error:  # an exit too: it is only this file's
            failed.append(error)

    thread = threading.Thread(target=work, name=f"skill-load-{folder.name}", daemon=True)
    thread.start()
    thread.join(LOAD_SECONDS)
    if loaded:
        return loaded[0]
    if not failed:
        raise ImportFailed(f"it does not come to its end within {LOAD_SECONDS:g} s")
    error = failed[0]
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    raise ImportFailed(said, _line(error, path)) from error


def _line(error: BaseException, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(path)), 1)


def _module(folder: Path, path: Path) -> ModuleType:
    package = _package(path.parent)
    name = f"{package}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be loaded from {folder.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def forget(folder: Path) -> None:
    """What was loaded before is loaded anew; whoever has it keeps it."""
    for package in (_name(folder), _name(folder / "tools")):
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]


def _name(place: Path) -> str:
    return PREFIX + hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:16]


def _package(place: Path) -> str:
    name = _name(place)
    if _Neighbours not in sys.meta_path:
        sys.meta_path.insert(0, _Neighbours)
    if name not in sys.modules:
        spec = ModuleSpec(name, loader=None, is_package=True)
        spec.submodule_search_locations = [str(place)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def _marked(module: ModuleType) -> list[Callable[..., Any]]:
    """What the file itself defines, not what it imports."""
    found = [value for value in vars(module).values() if callable(value) and hasattr(value, MARK)]
    return [one for one in found if getattr(one, "__module__", "") == module.__name__]


def _fault(folder: Path, path: Path, line: int, code: str, **values: object) -> SkillFault:
    place = f"skills/{folder.name}/{path.relative_to(folder).as_posix()}:{line}"
    text = f"cannot be loaded: {values['said']}" if code == "import" else str(values["said"])
    return SkillFault(place=place, text=text, code=f"skill.{code}", values=dict(values))
