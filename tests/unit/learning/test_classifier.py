"""The classifier on the small bilingual set of the examples, embedded by the model that comes along."""

import asyncio

import numpy as np
import pytest

from benchmarks.routing.own import figures_of_own_set
from flowmatik.learning.routing.classifier import MOST_REFUSED, REFUSED, threshold_of
from flowmatik.learning.routing.head import fitted
from flowmatik.learning.routing.lexical import Vocabulary, grams


def test_the_bilingual_set_is_told_apart_and_what_is_none_of_it_is_seen() -> None:
    found = asyncio.run(figures_of_own_set())
    assert found["own"].accuracy >= 0.76
    assert found["own"].accepted >= 0.82
    assert found["own"].right >= 0.71
    assert found["own_en"].accuracy >= 0.88
    assert found["own_en"].refused >= 0.65
    assert found["own_es"].accuracy >= 0.60  # the embedding model knows little Spanish
    assert found["own_es"].refused >= 0.45
    assert found["own"].auroc >= 0.77


def test_a_threshold_gives_up_more_where_that_tells_more_from_outside_and_never_beyond_its_bound() -> None:
    own = np.linspace(0, 1, 101)
    usual, most = float(np.quantile(own, REFUSED)), float(np.quantile(own, MOST_REFUSED))
    assert threshold_of(own, np.zeros(0)) == usual
    assert threshold_of(own, np.full(50, -1.0)) == usual, "all of them are below it already"
    assert usual < threshold_of(own, np.full(50, 0.07)) <= 0.08
    assert threshold_of(own, np.full(50, 0.9)) <= most


def test_texts_of_the_same_words_are_alike_whatever_their_case() -> None:
    vocabulary = Vocabulary(["cancel my order", "dónde está mi pedido"])
    rows = vocabulary.matrix(["CANCEL my order", "where is it", "pedidos", "漢字"])
    known = vocabulary.matrix(["cancel my order", "dónde está mi pedido"])
    assert rows[0] @ known[0] == pytest.approx(1.0, abs=1e-5)
    assert rows[2] @ known[1] > rows[2] @ known[0]
    assert not rows[3].any()
    assert grams("") == {}


def test_a_head_tells_apart_what_can_be_told_apart_and_is_the_same_each_time() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    rows = (random.normal(size=(90, 5)) + 4 * np.eye(3, 5)[labels]).astype(np.float32)
    head = fitted(rows, labels, 3, strength=10.0)
    assert (head.logits(rows).argmax(axis=1) == labels).mean() > 0.97
    assert np.array_equal(head.weights, fitted(rows, labels, 3, strength=10.0).weights)
    assert np.isfinite(fitted(rows[:1], labels[:1], 3, strength=10.0).weights).all()
