"""Which nodes belong together: the same graph is always grouped alike."""

from itertools import combinations

from flowmatik.memory.graph.grouping import grouped


def clique(*nodes: int) -> dict[tuple[int, int], float]:
    return dict.fromkeys(combinations(sorted(nodes), 2), 1.0)


def test_two_circles_of_friends_with_one_tie_are_two_groups() -> None:
    edges = {**clique(0, 1, 2, 3), **clique(4, 5, 6, 7), (3, 4): 0.5}
    assert grouped(8, edges) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_many_small_circles_in_a_ring_stay_apart() -> None:
    edges: dict[tuple[int, int], float] = {}
    for n in range(8):
        edges |= clique(*range(5 * n, 5 * n + 5))
        one, other = sorted((5 * n, (5 * n + 9) % 40))
        edges[one, other] = 1.0
    assert grouped(40, edges) == [n // 5 for n in range(40)]


def test_the_order_in_which_edges_are_named_changes_nothing() -> None:
    edges = {**clique(0, 2, 4, 6), **clique(1, 3, 5, 7), (0, 1): 1.0, (6, 7): 1.0}
    assert grouped(8, dict(reversed(edges.items()))) == grouped(8, edges)


def test_who_has_no_ties_is_alone_and_nothing_is_nothing() -> None:
    assert grouped(0, {}) == []
    assert grouped(3, {(0, 2): 1.0}) == [0, 1, 0]


def test_heavier_ties_decide() -> None:
    edges = {(0, 1): 5.0, (1, 2): 1.0, (2, 3): 5.0, (0, 3): 1.0}
    assert grouped(4, edges) == [0, 0, 1, 1]
