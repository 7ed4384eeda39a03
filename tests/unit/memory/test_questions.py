"""What a question says of when, and of which things at once."""

from datetime import date

import pytest

from flowmatik.memory.retrieval.parts import parts_of
from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.times import is_of, times

TODAY = date(2026, 1, 15)


YEAR, FROM, UNTIL = "{0}-01-01 {0}-12-31", "{} 9999-12-31", "0001-01-01 {}"


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("What was paid in 2021?", "en", [YEAR.format(2021)]),
        ("¿Qué se pagó en marzo de 2023?", "es", ["2023-03-01 2023-03-31"]),
        ("What was paid on 5 Dec 2020?", "en", ["2020-12-05 2020-12-05"]),
        ("What happened last year and yesterday?", "en", [YEAR.format(2025), "2026-01-14 2026-01-14"]),
        ("El alquiler del año pasado", "es", [YEAR.format(2025)]),
        ("¿Qué cambió el mes pasado?", "es", ["2025-12-01 2025-12-31"]),
        ("this month", "en", ["2026-01-01 2026-01-31"]),
        ("What did they say last week?", "en", ["2026-01-05 2026-01-11"]),
        ("Los correos de la semana pasada", "es", ["2026-01-05 2026-01-11"]),
        ("esta semana", "es", ["2026-01-12 2026-01-18"]),
        ("¿Qué llegó anteayer?", "es", ["2026-01-13 2026-01-13"]),
        ("the day before yesterday", "en", ["2026-01-13 2026-01-13"]),
        ("hace tres días", "es", ["2026-01-12 2026-01-12"]),
        ("What came three days ago?", "en", ["2026-01-12 2026-01-12"]),
        ("two weeks ago", "en", ["2025-12-29 2026-01-04"]),
        ("¿Quién mandaba hace 3 años?", "es", [YEAR.format(2023)]),
        ("Ventas de los últimos tres meses", "es", ["2025-10-01 2026-01-15"]),
        ("the past 2 years", "en", ["2024-01-01 2026-01-15"]),
        ("Ventas del primer trimestre de 2024", "es", ["2024-01-01 2024-03-31"]),
        ("Sales of Q1 2024", "en", ["2024-01-01 2024-03-31"]),
        ("the fourth quarter of last year", "en", ["2025-10-01 2025-12-31"]),
        ("el último trimestre", "es", ["2025-10-01 2025-12-31"]),
        ("el segundo semestre de 2023", "es", ["2023-07-01 2023-12-31"]),
        ("the first half of 2024", "en", ["2024-01-01 2024-06-30"]),
        ("Who led the port in the 1990s?", "en", ["1990-01-01 1999-12-31"]),
        ("the 70's", "en", ["1970-01-01 1979-12-31"]),
        ("the nineties", "en", ["1990-01-01 1999-12-31"]),
        ("La moda de los años 90", "es", ["1990-01-01 1999-12-31"]),
        ("la década de los sesenta", "es", ["1960-01-01 1969-12-31"]),
        ("the 19th century", "en", ["1801-01-01 1900-12-31"]),
        ("el siglo XIX", "es", ["1801-01-01 1900-12-31"]),
        ("events before 2020", "en", [UNTIL.format("2019-12-31")]),
        ("antes del 5 de mayo de 2020", "es", [UNTIL.format("2020-05-04")]),
        ("after the 1990s", "en", [FROM.format("2000-01-01")]),
        ("después de 2020", "es", [FROM.format("2021-01-01")]),
        ("since 2020", "en", [FROM.format("2020-01-01")]),
        ("¿Qué ha cambiado desde marzo?", "es", [FROM.format("2025-03-01")]),
        ("What changed since March?", "en", [FROM.format("2025-03-01")]),
        ("until 2020", "en", [UNTIL.format("2020-12-31")]),
        ("hasta el año 2020", "es", [UNTIL.format("2020-12-31")]),
        ("entre 2019 y 2021", "es", ["2019-01-01 2021-12-31"]),
        ("between 2019 and 2021", "en", ["2019-01-01 2021-12-31"]),
        ("desde marzo de 2019 hasta 2021", "es", ["2019-03-01 2021-12-31"]),
        ("the season 2019-2021", "en", ["2019-01-01 2021-12-31"]),
        ("What changed in 2019 and 2021?", "en", [YEAR.format(2019), YEAR.format(2021)]),
        ("What is due on 5 May?", "en", []),
        ("Who may be the last yearling in march order?", "en", []),
        ("Who caught the ball in the fourth quarter?", "en", []),
        ("¿Qué se presenta en los años presentes del siglo V a. C.?", "es", []),
        ("What of the countries in the last day of 0000?", "en", []),
    ],
)
def test_the_times_that_a_question_names(question: str, language: str, expected: list[str]) -> None:
    assert [" ".join(time) for time in times(question, language, TODAY)] == expected


def test_without_a_day_of_today_last_year_names_nothing() -> None:
    asked = "last year's rent of 2019, three days ago, since March, in the past 2 weeks, last quarter, today"
    assert times(asked, "en", None) == (("2019-01-01", "2019-12-31"),)


def test_a_passage_is_of_a_time_by_its_document_or_by_a_date_that_it_names() -> None:
    march, year = ("2023-03-01", "2023-03-31"), ("2023-01-01", "2023-12-31")
    assert is_of((march,), "", "en", "2023-03-09T10:00:00Z") == 1
    assert is_of((year,), "Paid on 9 March 2023.", "en", "") == 1
    assert is_of((march, year), "Paid in 2023.", "en", "") == 1
    assert is_of((march,), "Paid in 2023.", "en", "2022") == 0
    assert is_of((year,), "Paid on 9 March.", "en", "") == 0


def test_what_lies_between_two_years_is_of_the_time_and_what_came_before_is_not() -> None:
    asked = times("between 2019 and 2021", "en", None)
    inside = is_of(asked, "In May 2020 it closed.", "en", "")
    assert 0 < inside < is_of(asked, "From 2019 to 2021 it was closed.", "en", "") == 1
    assert is_of(asked, "In May 2018 it opened.", "en", "") == 0
    assert is_of(times("events before 2020", "en", None), "It was in 2020.", "en", "") == 0


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
