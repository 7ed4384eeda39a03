"""Read-only SQL over real files in a real DuckDB, and the checks of findings that rest on it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.citations import citation_skills
from flowmatik.agents.skills.tables import TableLimits, Tables, table_skills
from flowmatik.contracts.memory import (
    Answerable,
    DocumentLabels,
    Found,
    IngestProgress,
    MemoryStatus,
    Passage,
    Search,
    StoredDocument,
    TableSource,
    is_among,
)
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel import canonical, sqlite
from flowmatik.kernel.errors import ToolError

ENERGY = Path(__file__).parents[2] / "data" / "energia.csv"
TEXT = "The gate opens at 07:45 on working days."


class Shelf:
    """A memory of given tables and one passage."""

    def __init__(self, *sources: TableSource) -> None:
        self._sources = list(sources)

    def ingest(
        self, workspace_id: str, paths: Sequence[Path], *, labels: DocumentLabels | None = None
    ) -> AsyncIterator[IngestProgress]:
        raise NotImplementedError

    async def search(
        self,
        workspace_id: str,
        query: str,
        *,
        limit: int = 8,
        sources: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> list[Passage]:
        return []

    async def find(
        self, workspace_id: str, asked: Search, *, on_behalf: frozenset[str] | None = None
    ) -> Found:
        return Found(items=(), answerable=Answerable(score=0.0))

    async def passage(
        self, workspace_id: str, passage_id: str, *, on_behalf: frozenset[str] | None = None
    ) -> Passage | None:
        return None

    async def locate(
        self, workspace_id: str, passage_id: str, quote: str, *, on_behalf: frozenset[str] | None = None
    ) -> Passage | None:
        if passage_id != "chk_1" or quote not in TEXT:
            return None
        return Passage(id="chk_1", source="gate.md", text=TEXT, start=0, end=len(TEXT), lines=(3, 3))

    async def tables(
        self,
        workspace_id: str,
        *,
        sources: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> list[TableSource]:
        known = self._sources if workspace_id == "default" else []
        return [source for source in known if is_among(source.name, sources)]

    async def announce(self, workspace_id: str, files: Mapping[Path, Path], labels: DocumentLabels) -> None:
        raise NotImplementedError

    async def hidden(
        self, workspace_id: str, paths: Sequence[Path], *, on_behalf: frozenset[str] | None
    ) -> list[str]:
        raise NotImplementedError

    async def status(self, workspace_id: str, *, on_behalf: frozenset[str] | None = None) -> MemoryStatus:
        raise NotImplementedError

    async def documents(
        self,
        workspace_id: str,
        *,
        after: str = "",
        limit: int = 100,
        on_behalf: frozenset[str] | None = None,
    ) -> list[StoredDocument]:
        raise NotImplementedError

    async def remove(
        self, workspace_id: str, ref: str, *, on_behalf: frozenset[str] | None = None
    ) -> list[str]:
        raise NotImplementedError


def csv(path: Path) -> TableSource:
    return TableSource(name=path.name, path=str(path), format="csv", content_hash="1")


async def test_columns_are_described_with_types_values_and_bounds() -> None:
    (table,) = (await Tables(Shelf(csv(ENERGY))).describe("default"))["tables"]
    columns = {column["name"]: column for column in table["columns"]}
    assert table["table"] == "energia"
    assert columns["fecha"]["type"] == "DATE"
    assert columns["planta"]["values"] == ["Norte", "Sur"]


async def test_sums_of_decimals_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "cents.csv"
    path.write_text("amount\n" + "0.1\n" * 10 + "0.2\n")
    found = await Tables(Shelf(csv(path))).query("default", "SELECT sum(amount) AS total FROM cents")
    assert found["rows"] == [[1.2]]
    assert found["summary"] == "total = 1.2"


async def test_a_sqlite_file_is_a_table_too(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite.connect(path)
    connection.execute("CREATE TABLE goods (name TEXT, price REAL)")
    connection.execute("INSERT INTO goods VALUES ('pen', 1.5), ('ink', NULL)")
    connection.close()
    source = TableSource(name="shop.db", path=str(path), format="sqlite", table="goods", content_hash="1")
    found = await Tables(Shelf(source)).query("default", "SELECT count(*) AS n, sum(price) AS s FROM goods")
    assert found["rows"] == [[2, 1.5]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY energia TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SET threads = 8",
        "SELECT 1; SELECT 2",
        "DROP TABLE energia",
        "INSERT INTO energia SELECT * FROM energia",
        "CALL pragma_version()",
        "SELEC 1",
    ],
)
async def test_nothing_but_one_select_over_the_given_tables_runs(sql: str) -> None:
    tables = Tables(Shelf(csv(ENERGY)))
    with pytest.raises(ToolError):
        await tables.query("default", sql)
    assert (await tables.query("default", "SELECT count(*) FROM energia"))["rows"] == [[60]]


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        (
            "name,age\nAna,31\nLuis\n",
            "line 3 and the header in line 1 have not the same number of cells (1 and 2)",
        ),
        ('name,age\nAna,31\nLuis\nEva,22,extra\n"unclosed,5\n', "cells (1 and 2)"),
        ("name,age\nAna,31\nEva,22,extra\n", "line 3 and"),
        ("name;age\nAna;31\nLuis;5;5\n", "line 3 and"),
        ("name,age\nAna,31,x\nBo,5,y\n", "line 2 and"),
    ],
)
async def test_rows_that_do_not_fit_their_header_make_no_table(text: str, odd: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text)
    described = await Tables(Shelf(csv(path))).describe("default")
    assert described["tables"] == []
    assert odd in described["faults"][0]
    assert "mend the file" in described["faults"][0]


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("Report 2025\nname,age\nAna,3\nBo,4\n", ["name", "age"], 2),
        ("city\nLondon\nParis\n", ["city"], 2),
        ('remark\n"one, two"\nthree\n', ["remark"], 2),
        ("name,age\n\nAna,31\nBo,3\n", ["name", "age"], 2),
    ],
)
async def test_lines_before_a_header_and_lists_of_one_column_are_tables(
    text: str, columns: list[str], rows: int, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text)
    (table,) = (await Tables(Shelf(csv(path))).describe("default"))["tables"]
    assert ([column["name"] for column in table["columns"]], table["rows"]) == (columns, rows)


@pytest.mark.parametrize(
    ("values", "total"),
    [
        (['"32,000.50"', "41000", "35000"], 108000.5),
        (['"1,250"', "1250", "900"], 3400),
        (['"1,234,567"', "12.5", "3"], 1234582.5),
    ],
)
async def test_thousands_beside_plain_numbers_are_one_notation(
    values: list[str], total: float, tmp_path: Path
) -> None:
    path = tmp_path / "pay.csv"
    path.write_text("name,salary\n" + "".join(f"p{n},{value}\n" for n, value in enumerate(values)))
    found = await Tables(Shelf(csv(path))).query("default", "SELECT sum(salary) AS total FROM pay")
    assert found["rows"] == [[total]]


async def test_another_workspace_sees_no_tables() -> None:
    with pytest.raises(ToolError, match="no tables"):
        await Tables(Shelf(csv(ENERGY))).query("other", "SELECT 1")


async def check(finding: dict[str, Any]) -> dict[str, Any]:
    shelf = Shelf(csv(ENERGY))
    box = SkillBox(citation_skills(shelf, Tables(shelf)))
    at = ToolContext(workspace_id="default", run_id="r", call_id="c", idempotency_key="k")
    return await box.call("citations_check", {"finding": finding}, at)


def finding(text: str, *citations: tuple[int, str, str]) -> dict[str, Any]:
    rows = [{"n": n, "passage_id": source, "quote": quote} for n, source, quote in citations]
    return {"found": True, "text": text, "citations": rows}


async def test_a_verbatim_quote_passes_and_is_located() -> None:
    found = await check(finding("It opens at 07:45 [1]", (1, "chk_1", "opens at 07:45")))
    assert found["passed"]
    assert found["citations"][0]["lines"] == (3, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        finding("It opens at 07:45 [1]", (1, "chk_1", "opens at 8")),
        finding("It opens at 09:00 [1]", (1, "chk_1", "opens at 07:45")),
        finding("It opens at 07:45 [2]", (1, "chk_1", "opens at 07:45")),
        finding("It opens at 07:45"),
        finding("It opens [1]", (1, "chk_9", "opens")),
        {"found": False, "text": "no", "citations": [{"n": 1, "passage_id": "chk_1", "quote": "gate"}]},
        {"found": "yes"},
    ],
)
async def test_a_finding_that_does_not_hold_is_not_passed(wrong: dict[str, Any]) -> None:
    assert not (await check(wrong))["passed"]


async def test_a_computed_figure_is_computed_again() -> None:
    tables = Tables(Shelf(csv(ENERGY)))
    made = await tables.query("default", "SELECT count(*) AS n FROM energia")
    good = await check(finding("60 [1]", (1, made["computation_id"], made["summary"])))
    bad = await check(finding("61 [1]", (1, made["computation_id"], "n = 61")))
    assert good["passed"]
    assert "count(*)" in good["citations"][0]["computation"]
    assert not bad["passed"]


async def test_a_sqlite_file_keeps_exact_sums_dates_and_nulls(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlite.connect(path)
    connection.execute("CREATE TABLE ledger (day TEXT, amount REAL, note TEXT)")
    connection.executemany("INSERT INTO ledger VALUES (?, ?, ?)", [("2026-01-31", 0.1, None)] * 10)
    connection.close()
    source = TableSource(name="ledger.db", path=str(path), format="sqlite", table="ledger", content_hash="1")
    sql = "SELECT sum(amount) AS total, max(day) AS last, count(note) AS notes FROM ledger"
    tables = Tables(Shelf(source))
    assert (await tables.query("default", sql))["rows"] == [[1, "2026-01-31", 0]]
    (table,) = (await tables.describe("default"))["tables"]
    assert [column["type"] for column in table["columns"]] == ["DATE", "DECIMAL(18,4)", "VARCHAR"]


async def test_numbers_that_are_none_do_not_spoil_a_table(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("x\n1.5\nNaN\ninf\n")
    tables = Tables(Shelf(csv(path)))
    assert (await tables.query("default", "SELECT x FROM odd"))["rows"] == [[1.5], ["nan"], ["inf"]]


async def test_a_result_fits_into_the_journal() -> None:
    tables = Tables(Shelf(csv(ENERGY)))
    found = await tables.query("default", "SELECT 12345678901234567890123::HUGEINT AS n, [1, 2] AS l")
    assert canonical.loads(canonical.dumps(found))["rows"] == [["12345678901234567890123", [1, 2]]]
    with pytest.raises(ToolError, match="longer than"):
        await tables.query("default", "SELECT repeat('x', 100000) FROM range(100)")


async def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_runs() -> None:
    tables = Tables(Shelf(csv(ENERGY)), TableLimits(seconds=0.2))
    with pytest.raises(ToolError, match=r"0\.2 s"):
        await tables.query("default", "SELECT sum(a.i * b.i) FROM range(100000000) a(i), range(100000) b(i)")
    assert (await tables.query("default", "SELECT count(*) FROM energia"))["rows"] == [[60]]


async def test_only_the_tables_that_are_read_are_named_as_sources() -> None:
    tables = Tables(Shelf(csv(ENERGY)))
    assert (await tables.query("default", "SELECT 1 AS energia -- energia"))["sources"] == []
    assert (await tables.query("default", "SELECT 1 FROM Energia LIMIT 1"))["sources"] == ["energia.csv"]


async def test_a_computation_that_reads_no_table_proves_nothing() -> None:
    made = await Tables(Shelf(csv(ENERGY))).query("default", "SELECT 61 AS n")
    found = await check(finding("61 [1]", (1, made["computation_id"], made["summary"])))
    assert not found["passed"]


async def test_a_computation_id_that_is_cut_off_is_refused() -> None:
    tables = Tables(Shelf(csv(ENERGY)))
    made = await tables.query("default", "SELECT count(*) AS n FROM energia")
    with pytest.raises(ToolError, match="no computation"):
        await tables.recompute("default", made["computation_id"][:-8])


@pytest.mark.parametrize(
    ("figure", "holds"), [("446,590", True), ("446.590", True), ("446590.00", True), ("446,591", False)]
)
async def test_a_figure_may_be_written_as_people_write_it(tmp_path: Path, figure: str, holds: bool) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("v\n446000\n590\n")
    shelf = Shelf(csv(path))
    tables = Tables(shelf)
    made = await tables.query("default", "SELECT sum(v) AS total FROM sums")
    box = SkillBox(citation_skills(shelf, tables))
    at = ToolContext(workspace_id="default", run_id="r", call_id="c", idempotency_key="k")
    one = finding(f"It is {figure} [1]", (1, made["computation_id"], made["summary"]))
    assert (await box.call("citations_check", {"finding": one}, at))["passed"] is holds


LINES = {"en.csv": 'Ida Moss,41000,2019-06-01,"12,500"', "es.csv": "Ida Moss;3,50;7", "en.md": "41000,2019"}


class Rows(Shelf):
    """One line of each file, under the file's name."""

    async def locate(
        self, workspace_id: str, passage_id: str, quote: str, *, on_behalf: frozenset[str] | None = None
    ) -> Passage | None:
        text = LINES[passage_id]
        return Passage(id=passage_id, source=passage_id, text=text, start=0, end=len(text), lines=(2, 2))


@pytest.mark.parametrize(
    ("source", "said", "holds"),
    [
        ("en.csv", "pay: 41000; since: 2019-06-01; bonus: 12,500", True),
        ("en.csv", "pay: 41001; since: 2019-06-01", False),
        ("es.csv", "fee: 3,50; boats: 7", True),
        ("es.csv", "fee: 50", False),
        ("en.md", "since 2019", False),
    ],
)
async def test_figures_of_two_fields_side_by_side_in_a_csv_are_two(
    source: str, said: str, holds: bool
) -> None:
    shelf = Rows()
    box = SkillBox(citation_skills(shelf, Tables(shelf)))
    at = ToolContext(workspace_id="default", run_id="r", call_id="c", idempotency_key="k")
    cited = finding(f"{said} [1]", (1, source, LINES[source]))
    assert (await box.call("citations_check", {"finding": cited}, at))["passed"] is holds


async def test_a_run_that_is_bound_to_documents_reads_and_cites_no_other(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("v\n1\n")
    shelf = Shelf(csv(ENERGY), csv(other))
    tables = Tables(shelf)
    box = SkillBox([*table_skills(tables), *citation_skills(shelf, tables)])
    bound = ToolContext(
        workspace_id="default", run_id="r", call_id="c", idempotency_key="k", sources=("other.csv",)
    )
    described = await box.call("tables_describe", {}, bound)
    assert [table["name"] for table in described["tables"]] == ["other.csv"]
    with pytest.raises(ToolError, match="energia"):
        await box.call("tables_query", {"sql": "SELECT count(*) FROM energia"}, bound)
    made = await tables.query("default", "SELECT count(*) AS n FROM energia")
    cited = finding("60 [1]", (1, made["computation_id"], made["summary"]))
    assert not (await box.call("citations_check", {"finding": cited}, bound))["passed"]
    quoted = finding("gate [1]", (1, "chk_1", "gate"))
    verdict = await box.call("citations_check", {"finding": quoted}, bound)
    assert verdict["citations"] == []
    assert "citation.other_document" in [check[3] for check in verdict["checks"]]


SPANISH = (
    "Fecha;Cliente;Código postal;Importe;Peso kg\r\n"
    "05/01/2026;Panadería Núñez;08001;3,50;1.250\r\n"
    "17/02/2026;Óptica Ibáñez;50002;1.234,50 €;500\r\n"
    "03/02/2026;Panadería Núñez;08001;12,00;2.000\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
async def test_a_csv_as_a_spanish_spreadsheet_saves_it_has_numbers_and_dates(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "ventas.csv"
    path.write_bytes(SPANISH.encode(encoding))
    tables = Tables(Shelf(csv(path)))
    (table,) = (await tables.describe("default"))["tables"]
    columns = {column["name"]: column for column in table["columns"]}
    assert columns["Fecha"] == {
        "name": "Fecha",
        "type": "DATE",
        "min": "2026-01-05",
        "max": "2026-02-17",
        "nulls": 0,
    }
    assert columns["Cliente"]["values"] == ["Panadería Núñez", "Óptica Ibáñez"]
    assert columns["Código postal"]["values"] == ["08001", "50002"]
    found = await tables.query("default", 'SELECT sum("Importe"), sum("Peso kg") FROM ventas')
    assert found["rows"] == [[1250, 3750]]


@pytest.mark.parametrize(
    ("text", "kind", "least"),
    [
        ("n\n1.250\n2.5\n", "DECIMAL(18,4)", 1.25),
        ("n;m\n1.250;a\n2.5;b\n", "DECIMAL(18,4)", 1.25),
        ("n;m\n1.250;a\n2.500;b\n", "DECIMAL(18,4)", 1250),
        ('n\n"1,250"\n"2,500.75"\n', "DECIMAL(18,4)", 1250),
        ("n;m\n-3,5;a\n;b\n", "DECIMAL(18,4)", -3.5),
        ("n\n007\n008\n", "VARCHAR", "007"),
        ("fecha\n03/04/2026\n", "DATE", "2026-04-03"),
        ("shipped\n02/13/2026\n03/04/2026\n", "DATE", "2026-02-13"),
        ("shipped\n03/04/2026\n", "VARCHAR", "03/04/2026"),
        ("shipped\n13/04/2026 9:05\n", "TIMESTAMP", "2026-04-13T09:05:00"),
        ("shipped\n13.04.26\n", "DATE", "2026-04-13"),
        ("shipped\n31/02/2026x\n", "VARCHAR", "31/02/2026x"),
        ("shipped\n31/02/2026\n", "VARCHAR", "31/02/2026"),
    ],
)
async def test_a_column_is_read_in_the_notation_that_its_file_shows(
    tmp_path: Path, text: str, kind: str, least: Any
) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    described = await Tables(Shelf(csv(path))).describe("default")
    column = described["tables"][0]["columns"][0]
    assert (column["type"], column["min"]) == (kind, least)
