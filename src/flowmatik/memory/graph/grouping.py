"""Which nodes of a weighted graph belong together: the Louvain method, always with the same result.

Blondel, Guillaume, Lambiotte and Lefebvre, "Fast unfolding of communities in large networks" (2008). Nodes
are visited in their order and not at random, and among equally good groups the one with the least number
wins, so that the same graph is always grouped alike. What Louvain joins without a way inside the group (a
known flaw of it: Traag, Waltman and van Eck, 2019) is parted in the end.
"""

from collections.abc import Mapping

_PASSES = 20  # over all nodes of one level
_LEAST = 1e-9  # a gain below this is rounding

Edges = Mapping[tuple[int, int], float]
Adjacency = list[dict[int, float]]


def grouped(count: int, edges: Edges) -> list[int]:
    """For each node its group; groups are numbered by their first node. An edge is named once, by two
    different nodes, with a weight above 0."""
    adjacency: Adjacency = [{} for _ in range(count)]
    for (one, other), weight in edges.items():
        adjacency[one][other] = adjacency[other][one] = weight
    loops, member = [0.0] * count, list(range(count))
    while True:
        labels = _numbered(_moved(adjacency, loops))
        if len(set(labels)) == len(adjacency):
            break
        member = [labels[one] for one in member]
        adjacency, loops = _folded(adjacency, loops, labels)
    return _connected(member, edges)


def _moved(adjacency: Adjacency, loops: list[float]) -> list[int]:
    """Each node goes where modularity gains the most, until none does."""
    degrees = [sum(near.values()) + 2 * loop for near, loop in zip(adjacency, loops, strict=True)]
    total = sum(degrees)
    labels, sums = list(range(len(adjacency))), list(degrees)
    for _ in range(_PASSES):
        moved = False
        for node, near in enumerate(adjacency):
            own, degree = labels[node], degrees[node]
            joined: dict[int, float] = {own: 0.0}
            for other, weight in near.items():
                joined[labels[other]] = joined.get(labels[other], 0.0) + weight
            sums[own] -= degree
            best, most = own, joined[own] - degree * sums[own] / total if total else 0.0
            for label in sorted(joined):
                gain = joined[label] - degree * sums[label] / total if total else 0.0
                if gain > most + _LEAST:
                    best, most = label, gain
            sums[best] += degree
            labels[node] = best
            moved |= best != own
        if not moved:
            break
    return labels


def _folded(adjacency: Adjacency, loops: list[float], labels: list[int]) -> tuple[Adjacency, list[float]]:
    """Each group as one node."""
    count = max(labels) + 1
    folded: Adjacency = [{} for _ in range(count)]
    inner = [0.0] * count
    for node, near in enumerate(adjacency):
        own = labels[node]
        inner[own] += loops[node]
        for other, weight in near.items():
            if labels[other] != own:
                folded[own][labels[other]] = folded[own].get(labels[other], 0.0) + weight
            elif node < other:
                inner[own] += weight
    return folded, inner


def _connected(member: list[int], edges: Edges) -> list[int]:
    root = list(range(len(member)))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for one, other in edges:
        if member[one] == member[other]:
            first, second = sorted((find(one), find(other)))
            root[second] = first
    return _numbered([find(node) for node in range(len(member))])


def _numbered(labels: list[int]) -> list[int]:
    """From 0, in the order in which they first stand."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]
