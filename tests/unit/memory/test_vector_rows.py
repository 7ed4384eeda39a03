"""Vectors that neighbouring revisions share."""

import numpy as np

from flowmatik.memory.vector_rows import VectorRows

QUERY = np.array([1.0, 2.0], dtype=np.float32)


def rows(*pairs: tuple[int, tuple[float, float]]) -> list[tuple[int, bytes]]:
    return [(number, np.array(vector, dtype="<f4").tobytes()) for number, vector in pairs]


def filled() -> VectorRows:
    numbers = np.array([2, 5, 7])
    return VectorRows.none(3, 2).filled(numbers, numbers, rows((2, (1, 0)), (7, (0, 1)), (9, (5, 5))))


def test_each_passage_has_the_product_of_its_own_vector() -> None:
    vectors = filled()
    assert (vectors @ QUERY).tolist() == [1.0, 0.0, 2.0]
    assert vectors.lacking.tolist() == [False, True, False]
    assert (vectors[np.array([False, True, True])] @ QUERY).tolist() == [0.0, 2.0]


def test_bytes_of_another_length_are_no_vector() -> None:
    numbers = np.array([1])
    assert not VectorRows.none(1, 2).filled(numbers, numbers, [(1, b"1234")]).any()


def test_those_that_stay_are_not_read_again_and_those_that_went_are_zero_everywhere() -> None:
    old = filled()
    kept, now = np.array([True, False, False]), np.array([2, 8])
    new = old.moved(kept, np.array([0]), 2).filled(np.array([8]), now, rows((8, (3, 3))))
    assert (new @ QUERY).tolist() == [1.0, 9.0]
    assert (old @ QUERY).tolist() == [1.0, 0.0, 0.0]  # no trace of what went, nor of what came


def test_two_who_go_on_from_the_same_revision_do_not_see_each_other() -> None:
    old = filled()
    kept, at, now = np.array([True, True, True]), np.arange(3), np.array([2, 5, 7, 8])
    one, other = (
        old.moved(kept, at, 4).filled(np.array([8]), now, rows((8, (value, 0)))) for value in (3.0, 4.0)
    )
    assert [(one @ QUERY).tolist(), (other @ QUERY).tolist()] == [[1, 0, 2, 3], [1, 0, 2, 4]]


def test_the_matrix_grows_and_is_made_anew_when_much_of_it_is_free() -> None:
    vectors, numbers = VectorRows.none(1, 2), np.arange(1)
    for size in (50, 500, 20, 700):
        numbers = np.arange(size)
        there = min(len(vectors), size)
        kept = np.arange(len(vectors)) < there
        vectors = vectors.moved(kept, np.arange(there), size)
        new = rows(*((int(n), (float(n + 1), 0.0)) for n in numbers[vectors.lacking]))
        vectors = vectors.filled(numbers[vectors.lacking], numbers, new)
        assert (vectors @ QUERY).tolist() == [float(n + 1) for n in numbers]
        assert (vectors[numbers < 3] @ QUERY).tolist() == [1.0, 2.0, 3.0]
