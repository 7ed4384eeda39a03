"""Questions over tables become SQL whose figures are computed here a second time, without SQL."""

import csv
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.integrations.models.local.grammar import NotUnderstood, Table, read_tables, translate
from flowmatik.integrations.models.local.periods import Period, read_periods
from flowmatik.integrations.models.local.words import fold

ENERGY = Path(__file__).parents[2] / "data" / "energia.csv"
HARVEST = """grower,region,crop,picked_on,crates,price
Ada,North,Plum,2024-03-02,10,2.5
Ada,North,Pear,2024-05-20,4,3.0
Bo,South,Plum,2024-07-05,7,2.0
Bo,South,Fig,2025-03-11,9,5.5
Cy,North,Fig,2025-08-01,3,6.0
"""
Row = dict[str, str]


class Data:
    """One CSV: what a model is told of it, SQL over it, and its rows."""

    def __init__(self, path: Path) -> None:
        self.rows: list[Row] = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        self._database: Any = duckdb.connect(":memory:")
        self._database.execute("CREATE TABLE data AS SELECT * FROM read_csv($path)", {"path": str(path)})
        columns = [self._column(str(row[0]), str(row[1])) for row in self.sql("DESCRIBE data")]
        self.tables: list[Table] = read_tables(
            {"tables": [{"name": path.name, "table": "data", "columns": columns}]}
        )

    def _column(self, name: str, kind: str) -> dict[str, Any]:
        values = sorted({row[name] for row in self.rows} - {""}) if kind == "VARCHAR" else []
        return {"name": name, "type": kind, "values": values, "nulls": sum(not r[name] for r in self.rows)}

    def sql(self, sql: str) -> list[tuple[Any, ...]]:
        return self._database.execute(sql).fetchall()

    def answer(self, question: str) -> list[tuple[Any, ...]]:
        return self.sql(translate(question, self.tables).sql)

    def total(self, column: str, keep: Callable[[Row], bool] = lambda row: True) -> float:
        return float(sum(Decimal(row[column]) for row in self.rows if keep(row)))


@pytest.fixture
def energy() -> Data:
    return Data(ENERGY)


@pytest.fixture
def harvest(tmp_path: Path) -> Data:
    path = tmp_path / "harvest.csv"
    path.write_text(HARVEST, encoding="utf-8")
    return Data(path)


def test_a_total_of_a_plant_and_a_year(energy: Data) -> None:
    [[figure]] = energy.answer("¿Cuál fue el consumo total de la planta Norte en 2025?")
    expected = energy.total("consumo_kwh", lambda r: r["planta"] == "Norte" and r["fecha"] < "2026")
    assert float(figure) == pytest.approx(expected)


def test_a_mean_and_a_ranking_in_both_languages(energy: Data) -> None:
    mean = energy.total("coste") / len(energy.rows)
    for question in ("¿Cuál fue el coste medio?", "What was the average cost?"):
        assert float(energy.answer(question)[0][0]) == pytest.approx(mean, abs=1e-3)
    plants = {r["planta"] for r in energy.rows}
    first = max(plants, key=lambda p: energy.total("consumo_kwh", lambda r: r["planta"] == p))
    assert energy.answer("¿Qué planta tuvo el mayor consumo?")[0][0] == first


def test_things_that_a_column_counts_are_summed_not_their_rows(harvest: Data) -> None:
    in_2024 = harvest.total("crates", lambda r: r["picked_on"].startswith("2024"))
    assert harvest.answer("How many crates in 2024?") == [(in_2024,)]
    by_region = {
        region: harvest.total("crates", lambda r, region=region: r["region"] == region)
        for region in ("North", "South")
    }
    assert dict(harvest.answer("What is the total number of crates per region?")) == by_region


def test_rows_and_kinds_are_counted(harvest: Data) -> None:
    assert harvest.answer("How many harvests were there in March 2024?") == [(1,)]
    assert harvest.answer("How many growers are there?") == [(len({r["grower"] for r in harvest.rows}),)]


def test_a_ranking_takes_as_many_as_are_asked_for(harvest: Data) -> None:
    crates = Counter[str]()
    for row in harvest.rows:
        crates[row["grower"]] += int(row["crates"])
    assert harvest.answer("Which two growers had the highest total crates?") == crates.most_common(2)


@pytest.mark.parametrize(
    ("question", "first", "end"),
    [
        ("Total crates between March 2024 and July 2024", "2024-03", "2024-08"),
        ("Total de crates entre marzo y julio de 2024", "2024-03", "2024-08"),
        ("Total crates from 2024 to 2025", "2024", "2026"),
        ("Total crates before 2025", "", "2025"),
        ("Total de crates antes de 2025", "", "2025"),
        ("Total crates after March 2024", "2024-04", "9"),
        ("Total crates since July 2024", "2024-07", "9"),
        ("Total de crates hasta mayo de 2024", "", "2024-06"),
        ("Total crates in March 2025", "2025-03", "2025-04"),
    ],
)
def test_ranges_and_open_ends_of_time_are_what_they_say(
    harvest: Data, question: str, first: str, end: str
) -> None:
    expected = harvest.total("crates", lambda r: first <= r["picked_on"] < end)
    assert float(harvest.answer(question)[0][0]) == expected


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How many harvests were not Plum?", "not"),
        ("How many harvests with more than 5 crates?", "more than"),
        ("¿Cuántos crates con más de 5 price?", "más de 5"),
        ("Total crates without Plum", "without"),
        ("Total de crates sin Plum", "sin"),
        ("How many crates were stolen?", "stolen"),
        ("Total crates from 2025 to 2024", "2025"),
        ("How many harvests in March?", "march"),
        ("How many harvests have a price of 3?", "price"),
        ("How many harvests with price 6?", "6"),
        ("How many harvests after 1 March 2024?", "after"),
        ("How many harvests in each month of 2024?", "month"),
        ("How many harvests of the same grower?", "grower"),
        ("Total crates of the region", "region"),
    ],
)
def test_what_the_grammar_lacks_is_refused_by_name(harvest: Data, question: str, part: str) -> None:
    with pytest.raises(NotUnderstood, match=part):
        harvest.answer(question)


def test_kinds_are_counted_where_the_question_counts_what_the_rows_are_not(harvest: Data) -> None:
    assert harvest.answer("How many growers picked_on in 2024?") == [(2,)]
    assert harvest.answer("How many harvests in each region?") == [("North", 3), ("South", 2)]


@pytest.mark.parametrize("word", ["entregados", "delivered", "anulados"])
def test_a_value_is_named_in_the_other_language_too(tmp_path: Path, word: str) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("who,amount,status\nAda,10,delivered\nBo,4,cancelled\nCy,6,delivered\n", encoding="utf-8")
    assert Data(path).answer(f"¿Cuál fue el amount medio de los {word}?") == [
        (4.0 if word == "anulados" else 8.0,)
    ]


def test_the_word_year_before_a_year_is_part_of_it(harvest: Data) -> None:
    assert harvest.answer("How many harvests in the year 2025?") == [(2,)]


def test_a_question_about_something_else_names_the_tables_there_are(energy: Data) -> None:
    with pytest.raises(NotUnderstood, match=r"energia\.csv"):
        energy.answer("How many whales were seen?")


def test_values_with_quotes_stay_values(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_text("shop,sales\nO'Neill; DROP TABLE data,3\nBo,5\n", encoding="utf-8")
    data = Data(path)
    assert float(data.answer("Total sales of O'Neill; DROP TABLE data")[0][0]) == 3
    assert len(data.sql("SELECT * FROM data")) == 2


@given(st.text(max_size=120))
def test_any_text_is_translated_or_refused(text: str) -> None:
    columns = [{"name": "crates", "type": "BIGINT"}, {"name": "picked_on", "type": "DATE"}]
    tables = read_tables({"tables": [{"name": "harvest.csv", "table": "data", "columns": columns}]})
    try:
        said = translate(text, tables).sql
    except NotUnderstood as refusal:
        said = str(refusal)
    assert said
    assert not said.startswith("SELECT") or said.count("FROM data") == 1


MONTH = st.tuples(st.integers(1900, 2098), st.integers(1, 12))
NAMES = "january february march april may june july august september october november december".split()  # noqa: SIM905  # a list of words


@given(MONTH, MONTH)
def test_a_range_of_months_covers_both_and_all_between(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, last = sorted((one, other))
    text = f"between {NAMES[first[1] - 1]} {first[0]} and {NAMES[last[1] - 1]} {last[0]}"
    periods, taken = read_periods(fold(text))
    year, month = (last[0] + 1, 1) if last[1] == 12 else (last[0], last[1] + 1)
    assert periods == [Period(first=f"{first[0]}-{first[1]:02}-01", end=f"{year}-{month:02}-01")]
    assert taken == [(0, len(text))]
