"""What the parts of a ranking change in its order."""

import numpy as np

from flowmatik.memory import analysis
from flowmatik.memory.graph.links import Named, build_graph
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.ranking import CLOSELY, Ranking, Text, ranking
from flowmatik.memory.retrieval.words import words_of


def asked(question: str, texts: list[str]) -> Ranking:
    """By words alone, of documents without titles."""
    understood = understand(question)
    counted = [analysis.terms(text, "en") for text in texts]
    found = [[sum(term in group for term in terms) for terms in counted] for group in understood.groups]
    words = words_of(
        [(np.flatnonzero(row), np.array([n for n in row if n], dtype=np.float64)) for row in found],
        np.array([len(terms) for terms in counted], dtype=np.float64),
    )
    graph = build_graph([Named(mentions=(), titles=())] * len(texts), np.arange(len(texts), dtype=np.int32))
    return ranking(understood, words, np.zeros(len(texts)), graph)


def order(asking: Ranking, texts: list[str]) -> list[int]:
    read = {place: Text(title="", text=texts[place], language="en") for place in asking.wanted()}
    return foremost(asking.order(read).total, len(texts))


def test_what_only_one_of_the_things_asked_about_finds_is_looked_at_and_comes_to_the_front() -> None:
    crowd = ["The Aral bridge opened first, said the Aral bridge keeper of the opened bridge."] * 60
    texts = [*crowd, *(["Nothing happened."] * 200), "The Oder lies in the north, and it is long."]
    asking = asked("Which opened first, the Aral bridge or the Oder tunnel?", texts)
    oder = len(texts) - 1
    assert oder not in foremost(asking.bm25, CLOSELY), "by the whole question it stands behind the crowd"
    assert oder in asking.wanted()
    assert order(asking, texts)[0] == oder


def test_of_two_that_say_the_same_the_one_that_says_when_comes_first() -> None:
    texts = ["The north gate was built of stone.", "The north gate was built by old masons in 1953."]
    asking = asked("When was the north gate built?", texts)
    assert asking.bm25[0] > asking.bm25[1]
    assert order(asking, texts) == [1, 0]
