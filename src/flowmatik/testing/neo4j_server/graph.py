"""Nodes and relationships, uniqueness, and transactions that are all or nothing."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Properties = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True, kw_only=True)
class Relationship:
    kind: str
    start: int
    end: int
    properties: Properties


@dataclass(slots=True)
class Graph:
    """Nodes and relationships by number. `schema`: the constraints and indexes that were made."""

    labels: dict[int, str] = field(default_factory=lambda: {})
    nodes: dict[int, Properties] = field(default_factory=lambda: {})
    edges: dict[int, Relationship] = field(default_factory=lambda: {})
    schema: set[str] = field(default_factory=lambda: set[str]())
    last: int = 0

    def transaction(self, work: Callable[[], T]) -> T:
        before = copy.deepcopy((self.labels, self.nodes, self.edges, self.schema, self.last))
        try:
            return work()
        except BaseException:
            self.labels, self.nodes, self.edges, self.schema, self.last = before
            raise

    def match(self, label: str, /, **wanted: Any) -> list[int]:
        return [
            number
            for number, found in self.labels.items()
            if found == label and _holds(self.nodes[number], wanted)
        ]

    def merge(self, label: str, /, **wanted: Any) -> tuple[int, bool]:
        """The node, and whether it is new."""
        for number in self.match(label, **wanted):
            return number, False
        _no_nulls(wanted)
        self.last += 1
        self.labels[self.last], self.nodes[self.last] = label, dict(wanted)
        return self.last, True

    def set(self, node: int, /, **properties: Any) -> None:
        """As `SET`: what is null is taken away."""
        self.nodes[node].update(properties)
        self.nodes[node] = {name: value for name, value in self.nodes[node].items() if value is not None}

    def relate(self, start: int, how: str, end: int, /, **wanted: Any) -> Relationship:
        for edge in self.between(how, start=start, end=end):
            if _holds(edge.properties, wanted):
                return edge
        _no_nulls(wanted)
        self.last += 1
        self.edges[self.last] = Relationship(kind=how, start=start, end=end, properties=dict(wanted))
        return self.edges[self.last]

    def between(self, kind: str, *, start: int = 0, end: int = 0) -> Iterator[Relationship]:
        """0 for any node."""
        for edge in self.edges.values():
            if edge.kind == kind and start in (0, edge.start) and end in (0, edge.end):
                yield edge

    def detach_delete(self, nodes: Iterable[int]) -> int:
        gone = set(nodes) & self.nodes.keys()
        self.forget(edge for edge in self.edges.values() if edge.start in gone or edge.end in gone)
        for number in gone:
            del self.labels[number], self.nodes[number]
        return len(gone)

    def forget(self, edges: Iterable[Relationship]) -> None:
        gone = {id(edge) for edge in edges}
        self.edges = {number: edge for number, edge in self.edges.items() if id(edge) not in gone}


def _holds(have: Properties, wanted: Properties) -> bool:
    """Nothing equals null."""
    return all(value is not None and have.get(name) == value for name, value in wanted.items())


def _no_nulls(wanted: Properties) -> None:
    for name, value in wanted.items():
        if value is None:
            raise Refused(
                400,
                "Neo.ClientError.Statement.SemanticError",
                f"Cannot merge because of null property value for '{name}'",
            )
