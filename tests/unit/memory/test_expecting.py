import numpy as np
import pytest

from flowmatik.memory.analysis import words
from flowmatik.memory.retrieval.closeness import close, features
from flowmatik.memory.retrieval.expecting import Expected, expected, has
from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.words import words_of

NONE = frozenset[str]()


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the harbour built?", "time"),
        ("In what year did the mill close?", "time"),
        ("¿Cuándo se construyó el puerto?", "time"),
        ("¿En qué año cerró el molino?", "time"),
        ("How many boats came?", "number"),
        ("¿Cuántas barcas vinieron?", "number"),
        ("Who keeps the gate?", "name"),
        ("¿Dónde está la puerta?", "name"),
        ("When it rains, what closes first?", ""),
        ("Cuando llueve, ¿qué se cierra primero?", ""),
        ("What closes first?", ""),
        ("", ""),
    ],
)
def test_the_form_of_a_question_tells_what_would_answer_it(question: str, kind: Expected) -> None:
    assert expected(question) == kind


@pytest.mark.parametrize(
    ("kind", "sentence", "there"),
    [
        ("time", "It was built in 1953.", True),
        ("time", "Se abrió en el siglo pasado, un lunes.", True),
        ("time", "It was built of stone.", False),
        ("number", "Seventeen came, then twenty.", True),
        ("number", "Vinieron doce.", True),
        ("number", "Nobody came.", False),
        ("name", "The gate is kept by Ana Ruiz.", True),
        ("name", "Álvaro does not.", False),  # what begins a sentence is in capitals anyway
        ("name", "Everybody keeps it.", False),
    ],
)
def test_a_sentence_has_it_or_not(kind: Expected, sentence: str, there: bool) -> None:
    assert has(kind, words(sentence), NONE) is there


def test_what_the_question_says_itself_is_no_answer() -> None:
    assert not has("time", words("In 1953 the harbour was busy."), frozenset(("1953",)))
    assert not has("name", words("The keeper of Cork sleeps."), frozenset(("cork",)))


def read(question: str, *texts: str) -> tuple[list[tuple[float, float]], list[float]]:
    """How close each text is, as a whole and in what could answer, and what of it stands next to one another;
    all words of the question weigh the same."""
    asked = understand(question)
    seen = [features("", text, "en") for text in texts]
    at = np.array([0])
    held = words_of([(at, np.ones(1)) for _ in asked.groups], np.array([5.0, 5.0]))
    found = [close(asked, held, one) for one in seen]
    return [(one.together, one.answering) for one in found], [one.adjacent for one in found]


def test_a_sentence_that_could_answer_counts_beside_the_one_that_says_the_same() -> None:
    held, _ = read(
        "When was the north gate built?",
        "The north gate was built of stone.",
        "The north gate was built in 1953.",
    )
    assert held[0][0] == held[1][0] == held[1][1] == 1.0
    assert held[0][1] == 0.0


def test_words_that_stand_together_in_the_question_count_where_they_do_so_too() -> None:
    _, near = read(
        "Which boats pass the north gate?",
        "Boats pass the gate in the north.",
        "In the north, where many old and heavy ships lie waiting at anchor for days, some boats have to stop"
        " for hours before anybody comes and lets them pass slowly along to one narrow wooden gate.",
    )
    assert near[0] == 1.0
    assert near[1] < 1.0


def test_a_text_without_words_is_close_to_nothing() -> None:
    held, near = read("When was the gate built?", "", "…")
    assert held == [(0.0, 0.0), (0.0, 0.0)]
    assert near == [0.0, 0.0]
