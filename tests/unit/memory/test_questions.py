"""What a question says of when, and of which things at once."""

from datetime import date

import pytest

from flowmatik.memory.retrieval.parts import parts_of
from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.times import is_of, times

TODAY = date(2026, 1, 15)


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("What was paid in 2021?", "en", ("2021",)),
        ("¿Qué se pagó en marzo de 2023?", "es", ("2023-03",)),
        ("What happened last year and yesterday?", "en", ("2025", "2026-01-14")),
        ("El alquiler del año pasado", "es", ("2025",)),
        ("¿Qué cambió el mes pasado?", "es", ("2025-12",)),
        ("¿Quién mandaba hace 3 años?", "es", ("2023",)),
        ("this month", "en", ("2026-01",)),
        ("What is due on 5 May?", "en", ()),
        ("Who is the last yearling?", "en", ()),
    ],
)
def test_the_times_that_a_question_names(question: str, language: str, expected: tuple[str, ...]) -> None:
    assert times(question, language, TODAY) == expected


def test_without_a_day_of_today_last_year_names_nothing() -> None:
    assert times("last year's rent of 2019", "en", None) == ("2019",)


def test_a_passage_is_of_a_time_by_its_document_or_by_a_date_that_it_names() -> None:
    assert is_of(("2023-03",), "", "en", "2023-03-09T10:00:00Z")
    assert is_of(("2023",), "Paid on 9 March 2023.", "en", "")
    assert not is_of(("2023-03",), "Paid in 2023.", "en", "2022")
    assert not is_of(("202",), "", "en", "2023")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which came first, the Blue Lagoon or The Sting?", ("the Blue Lagoon", "The Sting")),
        ("Were Ana Ruiz and Ed Wood of the same nationality?", ("Ana Ruiz", "Ed Wood")),
        ("Are both Orchid and Rose the same plants?", ("Orchid", "Rose")),
        ("¿Qué edificio es más alto, la Torre Norte o el Faro?", ("la Torre Norte", "el Faro")),
        ("Who leads the port?", ()),
        ("What was the first book and why?", ()),
        ("Which " + "a or b, " * 1000, ()),
        ("", ()),
    ],
)
def test_the_things_that_a_question_asks_about_at_once(question: str, expected: tuple[str, ...]) -> None:
    assert parts_of(question) == expected


def test_a_question_is_understood_with_the_index_terms_of_each_part() -> None:
    first, second = understand("Which opened first, the Aral bridge or the Oder tunnel?").parts
    assert any({"es:aral", "en:aral"} <= {*group} for group in first)
    assert not first & second
