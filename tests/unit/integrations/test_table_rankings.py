"""Rankings, superlatives, values of one row: over tables of other columns, in both languages."""

from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.integrations.models.local.grammar import NotUnderstood, translate
from tests.unit.integrations.test_table_grammar import Data

RENTALS = """rental_id,day,guest,boat,nights,amount,state,closed_on
R-1001,2024-05-01,Ida,Alba,2,180.0,confirmed,2024-05-04
R-1002,2024-06-01,Jon,Nube,5,500.0,pending,
R-1003,2024-06-09,Ida,Nube,4,410.0,confirmed,2024-06-14
R-1004,2025-02-01,Eva,Alba,1,95.0,pending,
R-1005,2025-02-11,Eva,Alba,1,95.0,confirmed,2025-02-13
"""
PLACES = "ciudad,habitantes,alcalde\nAvia,4100,Rosa Gil\nBrisa,98000,Luis Paz\nCala,7700,Eva Sol\n"
STAFF = "name,department,salary,start_date\nTom Hill,IT,41000,2019-06-01\nSue Park,Sales,35000,2021-01-04\n"


def data(folder: Path, name: str, text: str, *, listed: int = 50) -> Data:
    """As a model is told of it: how many rows, and the values of a column that has few."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    found = Data(path)
    [table] = found.tables
    columns = tuple(c if len(c.values) <= listed else replace(c, values=()) for c in table.columns)
    found.tables = [replace(table, columns=columns, rows=len(found.rows))]
    return found


@pytest.fixture
def rentals(tmp_path: Path) -> Data:
    """Too many identifiers to be listed."""
    return data(tmp_path, "rentals.csv", RENTALS, listed=4)


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("Top 2 guests by amount", [("Ida", 590.0), ("Jon", 500.0)]),
        ("Top two guests by amount in 2024", [("Ida", 590.0), ("Jon", 500.0)]),
        ("Los 2 guests con mayor amount", [("Ida", 590.0), ("Jon", 500.0)]),
        ("Which guest spent the most in 2025?", [("Eva", 190.0)]),
        ("¿Qué guest gastó más?", [("Ida", 590.0)]),
        ("Which guest has the most rentals?", [("Eva", 2)]),
        ("What was the most expensive rental?", [("R-1002", 500.0)]),
        ("¿Cuál fue el rental más caro de 2025?", [("R-1004", 95.0)]),
        ("Which boat closed most rentals?", [("Alba", 2)]),
    ],
)
def test_rankings_and_superlatives_measure_what_they_say(
    rentals: Data, question: str, rows: list[tuple[object, ...]]
) -> None:
    assert rentals.answer(question) == rows


def test_a_status_is_known_by_its_word_in_the_other_language(rentals: Data) -> None:
    assert rentals.answer("¿Cuántos rentals hay pendientes?") == [(2,)]


def test_a_table_of_any_other_names_is_ranked_in_either_language(tmp_path: Path) -> None:
    places = data(tmp_path, "municipios.csv", PLACES)
    for question in ("¿Qué ciudad tiene más habitantes?", "Which city has the most inhabitants?"):
        assert places.answer(question) == [("Brisa", 98000)]
    staff = data(tmp_path, "staff.csv", STAFF)
    for question in ("Which name earns the most?", "Who earns the most?", "¿Quién gana más?"):
        assert staff.answer(question) == [("Tom Hill", 41000)]


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("What is the state of rental R-1002?", ("R-1002", "pending")),
        ("¿Qué boat tiene el rental r-1003?", ("R-1003", "Nube")),
        ("How much was rental R-1004?", ("R-1004", 95.0)),
    ],
)
def test_a_row_is_looked_up_by_its_identifier(rentals: Data, question: str, row: tuple[object, ...]) -> None:
    assert rentals.answer(question) == [row]


def test_a_row_is_looked_up_by_a_value_that_no_other_row_has(tmp_path: Path) -> None:
    staff = data(tmp_path, "staff.csv", STAFF)
    assert staff.answer("What is the salary of Tom Hill?") == [("Tom Hill", 41000)]
    assert staff.answer("In which department does Sue Park work?") == [("Sue Park", "Sales")]
    assert translate("What is the salary of Tom Hill?", staff.tables).aggregate == "row"


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("What is the colour of rental R-1002?", "column"),
        ("What is the state of rental R-1002 on fire?", "fire"),
        ("What is the state of boat Alba?", "no figure"),
        ("Which guest spent the most on fuel?", "fuel"),
    ],
)
def test_what_a_row_or_a_ranking_does_not_have_is_refused_by_name(
    rentals: Data, question: str, part: str
) -> None:
    with pytest.raises(NotUnderstood, match=part):
        rentals.answer(question)
