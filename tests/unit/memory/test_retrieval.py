import numpy as np

from flowmatik.memory.retrieval import fuse
from flowmatik.memory.sources import Names, resolve_replaces


def test_without_vectors_the_fused_order_is_that_of_the_words() -> None:
    words = np.array([0.0, 3.0, 1.0])
    assert np.allclose(fuse(words, np.zeros(3), "en"), [0.0, 1.0, 1 / 3])


def test_words_weigh_more_in_spanish_than_in_english() -> None:
    words, cosine = np.array([2.0, 1.1]), np.array([0.3, 0.9])
    assert fuse(words, cosine, "es").argmax() == 0
    assert fuse(words, cosine, "en").argmax() == 1


def test_nothing_in_common_scores_nothing() -> None:
    assert not fuse(np.zeros(2), np.array([-0.2, 0.0]), "en").any()


def test_a_replaced_document_is_found_beside_by_name_or_by_title() -> None:
    names = Names(sources=("a/new.md", "a/old.md", "b/other.md"), titles=("New", "Old", "The Other One"))
    said = ["old.md", "other.md", "the other one", "unknown.md"]
    assert resolve_replaces("a/new.md", said, names) == ("a/old.md", "b/other.md", "unknown.md")
