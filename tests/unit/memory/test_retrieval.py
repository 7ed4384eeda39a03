import numpy as np
import pytest

from flowmatik.memory.graph.links import Named, build_graph
from flowmatik.memory.retrieval.closeness import close, features, likeness
from flowmatik.memory.retrieval.fusion import dense_weight, fuse
from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.words import words_of
from flowmatik.memory.sources import Names, resolve_replaces


def test_without_vectors_the_fused_order_is_that_of_the_words() -> None:
    words = np.array([0.0, 3.0, 1.0])
    assert np.allclose(fuse(words, np.zeros(3)), [0.0, 1.0, 1 / 3])


def test_vectors_weigh_more_the_further_the_best_of_them_stands_out() -> None:
    crowd = np.random.default_rng(1).normal(0.3, 0.05, 500)
    apart = crowd.copy()
    apart[7] = 0.8
    assert dense_weight(crowd) < 0.3
    assert dense_weight(apart) > 0.5
    words = np.zeros(500)
    words[3], words[7] = 2.0, 0.5
    assert fuse(words, apart).argmax() == 7
    assert fuse(words, crowd).argmax() == 3


def test_nothing_in_common_scores_nothing() -> None:
    assert not fuse(np.zeros(2), np.array([-0.2, 0.0])).any()
    assert dense_weight(np.zeros(0)) == 0.0


def test_words_in_one_sentence_are_closer_than_words_spread_over_several() -> None:
    question = understand("Which valve closes the red pipe?")
    at = np.array([0], dtype=np.int64)
    words = words_of([(at, np.ones(1)) for _ in question.groups], np.array([5.0, 5.0]))
    one = features("", "The valve closes the red pipe. It is old.", "en")
    other = features("", "A valve is here. The pipe is red. A door closes.", "en")
    assert close(question, words, one).together == pytest.approx(1.0)
    assert close(question, words, other).together < 0.9


def test_a_misspelt_or_inflected_word_is_alike() -> None:
    question = understand("¿Dónde está el laboratorio de Gutierres?")
    found = likeness(
        question, [features("", "El Dr. Gutiérrez tiene laboratorios.", "es"), features("", "Llueve.", "es")]
    )
    assert found[0] > found[1] == 0.0
    assert not len(likeness(question, []))


def test_documents_that_name_one_another_make_links_strong() -> None:
    named = [
        Named(mentions=("talleres noria",), titles=("zafiro",)),
        Named(mentions=("vigo",), titles=("talleres noria",)),
        Named(mentions=("vigo",), titles=("the",)),
    ]
    graph = build_graph(named, np.array([0, 1, 2], dtype=np.int32))
    assert graph.strength == 1.0
    assert graph.meant_by(["zafiro", "vigo", "nothing"]) == {0: (1.0, "zafiro")}
    assert "the" not in graph.keys
    alone = graph.narrowed(np.array([False, True, True]))
    assert alone.strength == 0.0
    assert alone.spread[graph.keys["vigo"]] == 2


def test_a_document_that_names_itself_makes_no_link() -> None:
    named = [Named(mentions=("zafiro",), titles=("zafiro",)), Named(mentions=(), titles=("noria",))]
    assert build_graph(named, np.array([0, 1], dtype=np.int32)).strength == 0.0
    assert build_graph([], np.zeros(0, dtype=np.int32)).strength == 0.0


def test_a_replaced_document_is_found_beside_by_name_or_by_title() -> None:
    names = Names(sources=("a/new.md", "a/old.md", "b/other.md"), titles=("New", "Old", "The Other One"))
    said = ["old.md", "other.md", "the other one", "unknown.md"]
    assert resolve_replaces("a/new.md", said, names) == ("a/old.md", "b/other.md", "unknown.md")
