"""Where a profile is wrong: places in the YAML text, and words that say what to do."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, cast

import yaml
from pydantic import BaseModel

from flowmatik.agents.profiles.model import Budgets, Metadata, Profile

Path = Sequence[int | str]
_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Profile,
    ("metadata",): Metadata,
    ("budgets",): Budgets,
}
_FORMS = {
    "name": "use lower-case letters, digits and hyphens, a letter first",
    "skills": "use lower-case letters, digits and hyphens, a letter first",
    "tools": "use the tool's name: lower-case letters, digits and underscores",
    "model": "use default or <provider>/<name>",
    "output": "use text, finding or a JSON Schema",
}


def fault_line(filename: str, node: yaml.Node | None, path: Path, what: str) -> str:
    """`file:line:column: field: what`."""
    line, column = _place(node, path)
    return f"{filename}:{line}:{column}: {'.'.join(map(str, path)) or '(profile)'}: {what}"


def validation_faults(filename: str, node: yaml.Node | None, rows: Sequence[Any]) -> list[str]:
    """One line for each field that pydantic refused, whatever number of reasons it gave."""
    faults: dict[tuple[int | str, ...], str] = {}
    for row in rows:
        loc = cast("tuple[int | str, ...]", row["loc"])
        path = loc[:1] if loc[0] == "output" else loc
        faults.setdefault(path, fault_line(filename, node, path, _advice(path, row)))
    return list(faults.values())


def _advice(path: tuple[int | str, ...], row: Any) -> str:
    value = f"{row['input']!r}"[:80]
    if row["type"] == "missing":
        return "is missing; add it"
    if row["type"] == "extra_forbidden":
        model = _MODELS.get(cast("tuple[str, ...]", path[:-1]), Profile)
        known = sorted(model.model_fields)
        close = get_close_matches(str(path[-1]), known, n=1)
        meant = f"did you mean {close[0]}?" if close else f"there is {', '.join(known)}"
        return f"is not a field ({value}); {meant}"
    if row["type"] == "string_pattern_mismatch" or path == ("output",):
        field = next(str(part) for part in reversed(path) if isinstance(part, str))
        return f"{value} cannot be used; {_FORMS[field]}"
    return f"{row['msg']}, not {value}"


def structure_faults(filename: str, node: yaml.Node) -> list[str]:
    """Keys that stand twice, of which YAML would silently drop one, and references, which would let
    a small file unfold into a huge one."""
    faults: list[str] = []
    seen: set[int] = set()
    for path, part in _walk(node, seen):
        if isinstance(part, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.Node, yaml.Node]]", part.value)
            keys = [str(cast("Any", key).value) for key, _ in pairs]
            for n, (key, _) in enumerate(pairs):
                if keys[n] in keys[:n]:
                    mark = key.start_mark
                    name = ".".join([*map(str, path), keys[n]])
                    faults.append(
                        f"{filename}:{mark.line + 1}:{mark.column + 1}: {name}: stands twice; keep one"
                    )
        elif part is None:
            faults.append(fault_line(filename, node, path, "is a reference (*name); write the value itself"))
    return faults


def _walk(root: yaml.Node, seen: set[int]) -> Iterator[tuple[Path, yaml.Node | None]]:
    """Every node with its path; None for one that was met before."""
    stack: list[tuple[Path, yaml.Node]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if id(node) in seen:
            yield path, None
            continue
        seen.add(id(node))
        yield path, node
        if isinstance(node, yaml.MappingNode):
            pairs = cast("list[tuple[Any, yaml.Node]]", node.value)
            stack.extend(((*path, str(key.value)), value) for key, value in reversed(pairs))
        elif isinstance(node, yaml.SequenceNode):
            items = list(enumerate(cast("list[yaml.Node]", node.value)))
            stack.extend(((*path, n), item) for n, item in reversed(items))


def _place(node: yaml.Node | None, path: Path) -> tuple[int, int]:
    """Where the field stands, or where its nearest parent does when it is missing."""
    best = node
    for n, part in enumerate(path):
        if isinstance(best, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", best.value)
            found = next(((key, value) for key, value in pairs if key.value == str(part)), None)
            if found is None:
                break
            key, value = found
            if n == len(path) - 1:
                return key.start_mark.line + 1, key.start_mark.column + 1
            best = value
        elif isinstance(best, yaml.SequenceNode) and isinstance(part, int) and part < len(best.value):
            best = best.value[part]
        else:
            break
    if best is None:
        return 1, 1
    return best.start_mark.line + 1, best.start_mark.column + 1
