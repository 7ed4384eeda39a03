"""What makes search fast must not change what it finds."""

import numpy as np
import pytest

from flowmatik.memory.graph.links import NAMED_MOST, Named, build_graph
from flowmatik.memory.posting_cache import PostingCache
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.passages import ALIKE, alike


@pytest.mark.parametrize("count", [1, 7, 40, 500])
def test_the_foremost_are_those_that_sorting_everything_gives(count: int) -> None:
    draw = np.random.default_rng(5)
    scores = np.round(draw.normal(0.1, 0.3, 300), 1)  # many are equal, some below 0
    whole = [int(i) for i in np.argsort(-scores, kind="stable")[:count] if scores[i] > 0]
    assert foremost(scores, count) == whole


def test_nothing_is_foremost_where_nothing_has_a_score() -> None:
    assert foremost(np.zeros(10), 3) == []


def test_texts_are_alike_exactly_from_the_share_of_common_n_grams_on() -> None:
    for size in (1, 9, 10, 19, 95, 100):
        for more in range(12):
            for lacking in range(min(size, 12) + 1):
                one = frozenset(range(size))
                other = frozenset(range(lacking, size + more))
                wanted = len(one & other) >= ALIKE * len(one | other)
                assert alike(one, other) == wanted == alike(other, one), (size, more, lacking)


def test_postings_not_asked_for_the_longest_make_room() -> None:
    cache = PostingCache(most=10)
    found = {word: (np.arange(4), np.ones(4, dtype=np.int32)) for word in ("a", "b", "c")}
    cache.put(("a",), found["a"])
    cache.put(("b",), found["b"])
    assert cache.get(("a",)) is found["a"]
    cache.put(("c",), found["c"])
    assert cache.get(("b",)) is None
    assert cache.get(("a",)) is found["a"]
    cache.put(("huge",), (np.arange(11), np.ones(11, dtype=np.int32)))
    assert cache.get(("huge",)) is None
    assert cache.get(("c",)) is found["c"]


def test_a_title_counts_for_strength_when_another_document_names_it_and_not_too_many_do() -> None:
    few = [Named(mentions=(), titles=("zafiro",)), Named(mentions=("zafiro",), titles=("noria",))]
    assert build_graph(few, np.array([0, 1], dtype=np.int32)).strength == 1.0
    itself = [Named(mentions=("zafiro",), titles=("zafiro",))] * 2
    assert build_graph(itself, np.array([0, 0], dtype=np.int32)).strength == 0.0
    many = [Named(mentions=("zafiro",), titles=()) for _ in range(NAMED_MOST + 1)]
    crowd = [Named(mentions=(), titles=("zafiro",)), *many]
    assert build_graph(crowd, np.arange(len(crowd), dtype=np.int32)).strength == 0.0


def test_postings_in_memory_follow_a_change_of_passages() -> None:
    cache = PostingCache()
    cache.put(("es:a", "en:a"), (np.array([1, 4, 6]), np.array([1, 2, 3], dtype=np.int32)))
    cache.put(("es:b", "en:b"), (np.array([5]), np.array([1], dtype=np.int32)))
    said = [("es:a", 2, 1), ("en:a", 2, 7), ("es:a", 9, 1), ("es:c", 9, 1)]
    new = cache.changed(np.array([2, 4, 9]), said)
    numbers, often = new.get(("es:a", "en:a")) or ((), ())
    assert (list(numbers), list(often)) == ([1, 2, 6, 9], [1, 7, 3, 1])
    assert list((new.get(("es:b", "en:b")) or ((),))[0]) == [5]
    assert list((cache.get(("es:a", "en:a")) or ((),))[0]) == [1, 4, 6]
    again = new.changed(np.array([2, 4, 9]), said)
    assert list((again.get(("es:a", "en:a")) or ((),))[0]) == [1, 2, 6, 9]
