"""The example documents, goals and product documentation that ship with the program."""

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from flowmatik.kernel.errors import NotFound

GOALS = "goals.yaml"
DOCUMENTS = ("handbook", "data")


def examples_folder() -> Path:
    """Inside the installed package, else in the repository that this file stands in.
    Raises NotFound (`not_found.examples`)."""
    return _shipped("_examples", "examples")


def docs_folder() -> Path:
    return _shipped("_docs", "docs")


def quickstart_goal(language: str) -> str:
    """The example goal that is flagged for the quickstart in `language`, else in English."""
    import yaml

    path = examples_folder() / GOALS
    document = cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")))
    flagged = {entry["lang"]: entry["goal"] for entry in document["goals"] if entry.get("quickstart")}
    goal = flagged.get(language) or flagged.get("en")
    if not isinstance(goal, str):
        raise NotFound(
            f"{path} flags no goal for the quickstart",
            code="not_found.goal",
            context={"path": str(path)},
        )
    return goal


def copy_examples(documents: Path) -> int:
    """Copy the example documents and the product's documentation under `documents`; files that
    are there already stay as they are. The number of files copied."""
    source = examples_folder()
    copied = sum(_copy_new(source / name, documents / name) for name in DOCUMENTS)
    return copied + _copy_new(docs_folder(), documents / "flowmatik", pattern="*.md")


def _copy_new(source: Path, target: Path, pattern: str = "*") -> int:
    copied = 0
    for path in sorted(source.rglob(pattern)):
        place = target / path.relative_to(source)
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        if path.is_file() and not hidden and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            copied += 1
    return copied


def _shipped(packaged: str, in_repository: str) -> Path:
    package = Path(str(files("flowmatik")))
    for folder in (package / packaged, package.parents[1] / in_repository):
        if folder.is_dir():
            return folder
    raise NotFound(
        f"the folder {packaged!r} is missing from the installed package at {package}; install it again",
        code="not_found.examples",
        context={"path": str(package)},
    )
