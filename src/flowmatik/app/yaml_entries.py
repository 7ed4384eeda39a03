"""Entries of a YAML file that people write too: added and removed as text, so that their comments stay."""

from pathlib import Path
from typing import Any, cast

import yaml

from flowmatik.app.private_file import write_private
from flowmatik.app.tool_files import node_of
from flowmatik.kernel.errors import Conflict, NotFound


def add_entry(path: Path, section: str, name: str, entry: dict[str, Any]) -> None:
    """At the end of the mapping `section`, which is the whole file. Blocking. Raises Conflict
    (`conflict.entry`) for a name that is taken, and for a file of another form."""
    node = node_of(path)
    found = _entries(node, section)
    if name in {key.value for key, _ in found}:
        raise _taken(path, name)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    indent = found[0][0].start_mark.column if found else 2
    if not found and node is not None:
        text = ""  # a section without entries says nothing
    block = yaml.safe_dump({name: entry}, sort_keys=False, allow_unicode=True, width=100)
    lines = "".join(f"{' ' * indent}{line}\n" for line in block.splitlines())
    head = text if text.strip() and found else f"{text}{section}:\n"
    write_private(path, (head if head.endswith("\n") else f"{head}\n") + lines)


def remove_entry(path: Path, section: str, name: str) -> None:
    """Blocking. Raises NotFound (`not_found.entry`)."""
    found = _entries(node_of(path), section)
    names = [key.value for key, _ in found]
    if name not in names:
        known = ", ".join(names) or "–"
        raise NotFound(
            f"there is no {name!r} in {path.name}; there is {known}",
            code="not_found.entry",
            context={"name": name, "file": path.name, "known": known},
        )
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    n = names.index(name)
    first = found[n][0].start_mark.line
    last = found[n + 1][0].start_mark.line if n + 1 < len(found) else len(lines)
    kept = [*lines[:first], *lines[last:]]
    write_private(path, "".join(kept) if len(found) > 1 else "")


def _entries(node: yaml.Node | None, section: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    pairs = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", node.value)
    inside = next((value for key, value in pairs if key.value == section), None)
    if not isinstance(inside, yaml.MappingNode):
        return []
    return cast("list[tuple[yaml.ScalarNode, yaml.Node]]", inside.value)


def _taken(path: Path, name: str) -> Conflict:
    return Conflict(
        f"there is {name!r} in {path.name} already; remove it first, or edit the file",
        code="conflict.entry",
        context={"name": name, "file": path.name},
    )
