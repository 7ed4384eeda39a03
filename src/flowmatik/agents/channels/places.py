"""Reads a small YAML file node by node, and says of each fault where it stands."""

from collections.abc import Mapping
from typing import Any, cast

import yaml
from yaml.reader import ReaderError

from flowmatik.agents.profiles.faults import Fault, ProfileLoader, fault_at, structure_faults
from flowmatik.agents.stored.names import is_channel

MAX_BYTES = 1_000_000


def yaml_node(text: str, filename: str) -> tuple[yaml.Node | None, Fault | None]:
    """The root, or the one fault that keeps anybody from looking further."""

    def fault(told: str, code: str, at: tuple[int, int] = (1, 1), **values: object) -> Fault:
        return Fault(place=f"{filename}:{at[0]}:{at[1]}", text=told, code=f"channels.{code}", values=values)

    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return None, fault(f"larger than {MAX_BYTES} bytes", "large", limit=MAX_BYTES)
    try:
        node: yaml.Node | None = cast("Any", yaml).compose(text, Loader=ProfileLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return None, fault(f"not YAML: {error.problem}", "not_yaml", at, said=error.problem)
    except (ReaderError, RecursionError) as error:
        return None, fault(f"not YAML: {error}", "not_yaml", said=str(error))
    wrong = structure_faults(filename, node) if node is not None else []
    return node, wrong[0] if wrong else None


class Places:
    """`faults`: all that were found so far."""

    def __init__(self, filename: str, node: yaml.Node | None) -> None:
        self._filename = filename
        self._node = node
        self.faults: list[Fault] = []

    def fault(self, path: tuple[str, ...], told: str, code: str, **values: object) -> None:
        one = fault_at(self._filename, self._node, path or (self._filename,), (told, code, values))
        self.faults.append(Fault(place=one.place, text=one.text, code=f"channels.{code}", values=one.values))

    def mapping(self, node: yaml.Node | None, path: tuple[str, ...]) -> Mapping[str, yaml.Node]:
        """Its values by key; a fault, and none, for anything else."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(path, "must be a table of fields", "table")
            return {}
        pairs = cast("list[tuple[Any, yaml.Node]]", node.value)
        return {str(key.value): value for key, value in pairs}

    def channel(self, name: str, path: tuple[str, ...]) -> bool:
        if is_channel(name):
            return True
        told = "cannot be the name of a channel; use lower-case letters, digits and hyphens, a letter first"
        self.fault(path, told, "name")
        return False

    def whole(self, node: yaml.Node, path: tuple[str, ...]) -> int | None:
        text = str(cast("Any", node).value) if isinstance(node, yaml.ScalarNode) else ""
        if text.isascii() and text.isdigit() and 1 <= len(text) <= 3 and 1 <= int(text) <= 100:
            return int(text)
        self.fault(path, "must be a whole number from 1 to 100", "weight")
        return None
