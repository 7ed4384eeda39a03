"""Read-only SQL over the workspace's tables, in a DuckDB that sees nothing else.

A fresh in-memory database is loaded with the data files that the user supplied; then file and
network access are switched off and the configuration is locked, before any query is looked at.
One thread per query: rows then come in the same order each time, which lets a citation be computed
again, and a query cannot take the whole machine.
"""

import asyncio
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from flowmatik.agents.skills.audience import NOBODY, Callers
from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.computations import MAX_SQL, computation_id, plain, sql_of, summary
from flowmatik.agents.skills.encodings import utf8
from flowmatik.agents.skills.notations import give_types
from flowmatik.agents.skills.ragged import Ragged, refuse_ragged
from flowmatik.contracts.memory import Memory, TableSource
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel import sqlite
from flowmatik.kernel.errors import ToolError

MAX_ROWS = 200
MAX_CHARACTERS = 200_000
MAX_VALUES = 50
MAX_VALUE = 100
CACHED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLimits:
    """`memory` of one workspace's database, `seconds` for one query, `at_once` queries that run at
    the same time in this process (others wait)."""

    memory: str = "1GB"
    seconds: float = 20.0
    at_once: int = 2


def table_skills(tables: "Tables", callers: Callers = NOBODY) -> list[Skill]:
    async def tables_describe(context: ToolContext) -> dict[str, Any]:
        """List the workspace's tables: the name to use in SQL, columns with their types, the values
        of columns that have few, minimum and maximum, and the number of rows."""
        return await tables.describe(context.workspace_id, context.sources, await callers.of(context))

    async def tables_query(
        context: ToolContext, sql: Annotated[str, Field(min_length=1, max_length=MAX_SQL)]
    ) -> dict[str, Any]:
        """Run one DuckDB SELECT over the tables. Returns columns, rows (at most 200), a
        computation_id to cite, and a summary to quote."""
        return await tables.query(context.workspace_id, sql, context.sources, await callers.of(context))

    return [skill(tables_describe, timeout=60.0), skill(tables_query, timeout=30.0)]


class Tables:
    """The tables of every workspace, or those `among` some sources that somebody may see; loaded databases
    are kept while their files do not change."""

    def __init__(self, memory: Memory, limits: TableLimits | None = None) -> None:
        self._memory = memory
        self._limits = limits or TableLimits()
        self._loaded: OrderedDict[tuple[Any, ...], _Database] = OrderedDict()
        self._lock = threading.Lock()
        self._slots = asyncio.Semaphore(self._limits.at_once)

    async def describe(
        self, workspace_id: str, among: Sequence[str] = (), on_behalf: frozenset[str] | None = None
    ) -> dict[str, Any]:
        sources = await self._memory.tables(workspace_id, sources=among, on_behalf=on_behalf)
        if not sources:
            return {"tables": []}
        return await self._run(workspace_id, sources, lambda database, cursor: database.describe(cursor))

    async def query(
        self,
        workspace_id: str,
        sql: str,
        among: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        """Raises ToolError (`tool.sql.…`) for anything but one SELECT that DuckDB can run."""
        sources = await self._memory.tables(workspace_id, sources=among, on_behalf=on_behalf)
        if not sources:
            raise ToolError("there are no tables; ingest a CSV, Parquet or SQLite file", code="tool.sql.none")
        return await self._run(workspace_id, sources, lambda database, cursor: database.query(cursor, sql))

    async def recompute(
        self,
        workspace_id: str,
        identifier: str,
        among: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        return await self.query(workspace_id, sql_of(identifier), among, on_behalf)

    async def _run(
        self,
        workspace_id: str,
        sources: list[TableSource],
        work: Callable[["_Database", Any], dict[str, Any]],
    ) -> dict[str, Any]:
        """`work` in a thread; a call that is given up stops its query too."""
        async with self._slots:
            database = await asyncio.to_thread(self._database, workspace_id, sources)
            cursor = database.cursor()
            try:
                return await asyncio.to_thread(work, database, cursor)
            except asyncio.CancelledError:
                cursor.interrupt()
                raise

    def _database(self, workspace_id: str, sources: list[TableSource]) -> "_Database":
        key = (workspace_id, *((s.path, s.table, s.content_hash) for s in sources))
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
            else:
                self._loaded[key] = _Database(sources, self._limits)
                while len(self._loaded) > CACHED:
                    self._loaded.popitem(last=False)
            return self._loaded[key]


class _Database:
    """One locked DuckDB over given sources; each use has a cursor of its own."""

    def __init__(self, sources: list[TableSource], limits: TableLimits) -> None:
        import duckdb

        self._duckdb = duckdb
        self._limits = limits
        config: Any = {"memory_limit": limits.memory, "threads": 1, "temp_directory": ""}
        self._connection: Any = duckdb.connect(":memory:", config=config)
        self._names: dict[str, str] = {}
        self._faults: list[str] = []
        self._description: dict[str, Any] | None = None
        for source in sources:
            self._load(source)
        for setting in (
            "autoinstall_known_extensions=false",
            "autoload_known_extensions=false",
            "enable_external_access=false",
            "lock_configuration=true",
        ):
            self._connection.execute(f"SET {setting}")

    def cursor(self) -> Any:
        return self._connection.cursor()

    def _load(self, source: TableSource) -> None:
        table = self._free_name(source)
        try:
            if source.format == "sqlite":
                self._load_sqlite(table, source)
            elif source.format == "csv":
                self._load_csv(table, source.path)
            else:
                self._connection.execute(
                    f'CREATE TABLE "{table}" AS SELECT * FROM read_parquet($path)', {"path": source.path}
                )  # the name is an identifier of ours
            self._exact_decimals(table)
        except (self._duckdb.Error, sqlite.sqlite3.Error, OSError, Ragged) as error:
            self._connection.execute(f'DROP TABLE IF EXISTS "{table}"')
            self._faults.append(f"{source.name}: {str(error).splitlines()[0][:200]}")
            return
        self._names[table] = source.name

    def _load_csv(self, table: str, path: str) -> None:
        with utf8(Path(path)) as readable:
            given = {"path": str(readable)}
            delimiter, header, columns, skipped = self._connection.execute(
                "SELECT Delimiter, HasHeader, len(Columns), SkipRows FROM sniff_csv($path)", given
            ).fetchone()
            refuse_ragged(readable, columns=columns, skipped=skipped)
            self._connection.execute(
                f'CREATE TABLE "{table}" AS SELECT * FROM'
                " read_csv($path, all_varchar = true, delim = $delim, header = $header)",
                {**given, "delim": delimiter, "header": header},
            )
        give_types(self._connection, table, delimiter)

    def _load_sqlite(self, table: str, source: TableSource) -> None:
        connection = sqlite.connect(Path(source.path), read_only=True)
        try:
            cursor = connection.execute(f"SELECT * FROM {_quoted(source.table)}")
            names = [str(column[0]) for column in cursor.description]
            rows = cursor.fetchall()
        finally:
            connection.close()
        columns = [[row[n] for row in rows] for n in range(len(names))]
        kinds = [_column_type(column) for column in columns]
        texts = [_texts(c) if k == "VARCHAR" else c for c, k in zip(columns, kinds, strict=True)]
        chosen = ", ".join(
            f"unnest(${n + 1}::{kind}[]) AS {_quoted(name)}"
            for n, (name, kind) in enumerate(zip(names, kinds, strict=True))
        )
        self._connection.execute(f'CREATE TABLE "{table}" AS SELECT {chosen}', texts)
        for name in (n for n, kind in zip(names, kinds, strict=True) if kind == "VARCHAR"):
            self._dates(table, _quoted(name))

    def _dates(self, table: str, column: str) -> None:
        """A text column of ISO dates (SQLite has no type for them) becomes DATE."""
        some, wrong = self._connection.execute(
            f"SELECT count({column}), count(*) FILTER (WHERE {column} IS NOT NULL AND ("
            f"NOT regexp_full_match({column}, '\\d{{4}}-\\d{{2}}-\\d{{2}}')"
            f' OR TRY_CAST({column} AS DATE) IS NULL)) FROM "{table}"'
        ).fetchone()
        if some and not wrong:
            self._connection.execute(f'ALTER TABLE "{table}" ALTER {column} TYPE DATE')

    def _exact_decimals(self, table: str) -> None:
        """Doubles that are decimals of at most four places become DECIMAL, so that sums are exact."""
        described = self._connection.execute(f'DESCRIBE "{table}"').fetchall()
        for column in [_quoted(str(row[0])) for row in described if row[1] == "DOUBLE"]:
            (loss,) = self._connection.execute(
                f'SELECT count(*) FROM "{table}" WHERE {column} IS NOT NULL AND'
                f" CAST(TRY_CAST({column} AS DECIMAL(18,4)) AS DOUBLE) IS DISTINCT FROM {column}"
            ).fetchone()
            if loss == 0:
                self._connection.execute(f'ALTER TABLE "{table}" ALTER {column} TYPE DECIMAL(18,4)')

    def _free_name(self, source: TableSource) -> str:
        stem = source.table or source.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        name = re.sub(r"\W+", "_", stem.lower()).strip("_") or "table"
        name = f"t_{name}" if name[0].isdigit() else name
        taken, n = name, 2
        while taken in self._names:
            taken, n = f"{name}_{n}", n + 1
        return taken

    def describe(self, cursor: Any) -> dict[str, Any]:
        if self._description is None:
            tables = [self._describe(cursor, table) for table in self._names]
            self._description = {"tables": tables} | ({"faults": self._faults} if self._faults else {})
        return self._description

    def _describe(self, cursor: Any, table: str) -> dict[str, Any]:
        described = cursor.execute(f'DESCRIBE "{table}"').fetchall()
        rows = cursor.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        columns = [self._describe_column(cursor, table, str(row[0]), str(row[1])) for row in described]
        return {"name": self._names[table], "table": table, "rows": rows, "columns": columns}

    def _describe_column(self, cursor: Any, table: str, name: str, kind: str) -> dict[str, Any]:
        column, text = _quoted(name), kind == "VARCHAR"
        bounded = f"left({column}, {MAX_VALUE})" if text else column
        longest = f"max(length({column}))" if text else "0"
        low, high, distinct, nulls, length = cursor.execute(
            f"SELECT min({bounded}), max({bounded}), count(DISTINCT {column}),"
            f' count(*) - count({column}), {longest} FROM "{table}"'  # ours
        ).fetchone()
        described: dict[str, Any] = {
            "name": name,
            "type": kind,
            "min": plain(low),
            "max": plain(high),
            "nulls": nulls,
        }
        if text and distinct <= MAX_VALUES and (length or 0) <= MAX_VALUE:
            values = cursor.execute(
                f'SELECT DISTINCT {column} FROM "{table}" WHERE {column} IS NOT NULL ORDER BY 1'
            ).fetchall()
            described["values"] = [value for (value,) in values]
        return described

    def query(self, cursor: Any, sql: str) -> dict[str, Any]:
        try:
            statements = cursor.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise ToolError("one SELECT statement is allowed, and nothing else", code="tool.sql.select")
            read = {str(name).strip('"').lower() for name in cursor.get_table_names(sql)}
        except self._duckdb.Error as error:
            said = _first_line(error)
            raise ToolError(
                f"the SQL cannot be read: {said}", code="tool.sql.wrong", context={"said": said}
            ) from error
        columns, rows, truncated = self._fetch(cursor, sql)
        return {
            "columns": columns,
            "rows": rows,
            "truncated": truncated,
            "computation_id": computation_id(sql),
            "sources": sorted({name for table, name in self._names.items() if table in read}),
            "summary": summary(columns, rows),
            "sql": sql,
        }

    def _fetch(self, cursor: Any, sql: str) -> tuple[list[str], list[list[Any]], bool]:
        timer = threading.Timer(self._limits.seconds, cursor.interrupt)
        timer.start()
        try:
            cursor.execute(sql)
            columns = [str(column[0]) for column in cursor.description]
            rows: list[list[Any]] = []
            left = MAX_CHARACTERS
            while (found := cursor.fetchone()) is not None:
                if len(rows) == MAX_ROWS:
                    return columns, rows, True
                rows.append([plain(value) for value in found])
                left -= sum(len(str(value)) for value in rows[-1])
                if left < 0:
                    raise ToolError(
                        f"the result is longer than {MAX_CHARACTERS} characters; ask for fewer columns",
                        code="tool.sql.long",
                        context={"limit": MAX_CHARACTERS},
                    )
        except self._duckdb.InterruptException as error:
            raise ToolError(
                f"the SQL did not finish within {self._limits.seconds:g} s; ask for less",
                code="tool.sql.slow",
                context={"seconds": self._limits.seconds},
            ) from error
        except self._duckdb.Error as error:
            said = _first_line(error)
            raise ToolError(
                f"the SQL cannot be run: {said}", code="tool.sql.wrong", context={"said": said}
            ) from error
        finally:
            timer.cancel()
        return columns, rows, False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _column_type(values: list[Any]) -> str:
    kinds: set[type] = {type(value) for value in values if value is not None}
    if not kinds:
        return "VARCHAR"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"


def _texts(values: list[Any]) -> list[str | None]:
    return [v.hex() if isinstance(v, bytes) else None if v is None else str(v) for v in values]


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
