"""Read-only SQL over the workspace's tables, in a DuckDB that sees nothing else.

A fresh in-memory database is loaded with the data files that the user supplied; then file and
network access are switched off and the configuration is locked, before any query is looked at.
"""

import asyncio
import base64
import binascii
import re
import threading
import zlib
from collections import OrderedDict
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.contracts.memory import Memory, TableSource
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel import sqlite
from flowmatik.kernel.errors import ToolError

MAX_ROWS = 200
MAX_VALUES = 50
SUMMARY_ROWS = 20
CACHED = 8
_ID = "cmp_"


def table_skills(tables: "Tables") -> list[Skill]:
    async def tables_describe(context: ToolContext) -> dict[str, Any]:
        """List the workspace's tables: the name to use in SQL, columns with their types, the values
        of columns that have few, minimum and maximum, and the number of rows."""
        return await tables.describe(context.workspace_id)

    async def tables_query(
        context: ToolContext, sql: Annotated[str, Field(min_length=1, max_length=20_000)]
    ) -> dict[str, Any]:
        """Run one DuckDB SELECT over the tables. Returns columns, rows (at most 200), a
        computation_id to cite, and a summary to quote."""
        return await tables.query(context.workspace_id, sql)

    return [skill(tables_describe, timeout=60.0), skill(tables_query, timeout=30.0)]


def is_computation(passage_id: str) -> bool:
    return passage_id.startswith(_ID)


def computation_id(sql: str) -> str:
    """An id that carries its SQL, so that it can be computed again by anyone, any time."""
    return _ID + base64.urlsafe_b64encode(zlib.compress(sql.encode(), 9)).decode().rstrip("=")


def _sql_of(identifier: str) -> str:
    body = identifier.removeprefix(_ID)
    try:
        unpacker = zlib.decompressobj()
        packed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return unpacker.decompress(packed, 100_000).decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ToolError(f"{identifier[:60]!r} is no computation", code="tool.computation") from error


class Tables:
    """The tables of every workspace; loaded databases are kept while their files do not change."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._loaded: OrderedDict[tuple[Any, ...], _Database] = OrderedDict()
        self._lock = threading.Lock()

    async def describe(self, workspace_id: str) -> dict[str, Any]:
        sources = await self._memory.tables(workspace_id)
        if not sources:
            return {"tables": []}
        return await asyncio.to_thread(lambda: self._database(workspace_id, sources).describe())

    async def query(self, workspace_id: str, sql: str) -> dict[str, Any]:
        """Raises ToolError (`tool.sql`) for anything but one SELECT that DuckDB can run."""
        sources = await self._memory.tables(workspace_id)
        if not sources:
            raise ToolError(
                "this workspace has no tables; ingest a CSV, Parquet or SQLite file", code="tool.sql"
            )
        return await asyncio.to_thread(lambda: self._database(workspace_id, sources).query(sql))

    async def recompute(self, workspace_id: str, identifier: str) -> dict[str, Any]:
        return await self.query(workspace_id, _sql_of(identifier))

    def _database(self, workspace_id: str, sources: list[TableSource]) -> "_Database":
        key = (workspace_id, *((s.path, s.table, s.content_hash) for s in sources))
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
            else:
                self._loaded[key] = _Database(sources)
                while len(self._loaded) > CACHED:
                    self._loaded.popitem(last=False)
            return self._loaded[key]


class _Database:
    """One locked DuckDB over given sources."""

    def __init__(self, sources: list[TableSource]) -> None:
        import duckdb

        self._lock = threading.Lock()
        self._duckdb = duckdb
        self._connection: Any = duckdb.connect(":memory:", config={"memory_limit": "1GB", "threads": 2})
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

    def _load(self, source: TableSource) -> None:
        table = self._free_name(source)
        try:
            if source.format == "sqlite":
                self._load_sqlite(table, source)
            else:
                reader = "read_csv" if source.format == "csv" else "read_parquet"
                self._connection.execute(
                    f'CREATE TABLE "{table}" AS SELECT * FROM {reader}($path)', {"path": source.path}
                )  # the name is an identifier of ours
                self._exact_decimals(table)
        except (self._duckdb.Error, sqlite.sqlite3.Error, OSError) as error:
            self._faults.append(f"{source.name}: {str(error).splitlines()[0][:200]}")
            return
        self._names[table] = source.name

    def _load_sqlite(self, table: str, source: TableSource) -> None:
        connection = sqlite.connect(Path(source.path), read_only=True)
        try:
            quoted = source.table.replace('"', '""')
            cursor = connection.execute(f'SELECT * FROM "{quoted}"')
            names = [str(column[0]) for column in cursor.description]
            columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
            rows = cursor.fetchall()
        finally:
            connection.close()
        typed = [_column_type([row[n] for row in rows]) for n in range(len(names))]
        fields = ", ".join(f"{c} {t}" for c, t in zip(columns.split(", "), typed, strict=True))
        self._connection.execute(f'CREATE TABLE "{table}" ({fields})')
        if rows:
            marks = ", ".join("?" for _ in names)
            self._connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)

    def _exact_decimals(self, table: str) -> None:
        """Doubles that are decimals of at most four places become DECIMAL, so that sums are exact."""
        described = self._connection.execute(f'DESCRIBE "{table}"').fetchall()
        for name in [row[0] for row in described if row[1] == "DOUBLE"]:
            column = '"' + str(name).replace('"', '""') + '"'
            loss = self._connection.execute(
                f'SELECT count(*) FROM "{table}" WHERE {column} IS NOT NULL AND'
                f" (abs({column}) > 1e12 OR CAST(CAST({column} AS DECIMAL(18,4)) AS DOUBLE) <> {column})"
            ).fetchone()
            if loss[0] == 0:
                self._connection.execute(f'ALTER TABLE "{table}" ALTER {column} TYPE DECIMAL(18,4)')

    def _free_name(self, source: TableSource) -> str:
        stem = source.table or source.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        name = re.sub(r"\W+", "_", stem.lower()).strip("_") or "table"
        name = f"t_{name}" if name[0].isdigit() else name
        taken, n = name, 2
        while taken in self._names:
            taken, n = f"{name}_{n}", n + 1
        return taken

    def describe(self) -> dict[str, Any]:
        with self._lock:
            if self._description is None:
                tables = [self._describe(table) for table in self._names]
                self._description = {"tables": tables} | ({"faults": self._faults} if self._faults else {})
            return self._description

    def _describe(self, table: str) -> dict[str, Any]:
        described = self._connection.execute(f'DESCRIBE "{table}"').fetchall()
        rows = self._connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        columns = [self._describe_column(table, str(row[0]), str(row[1])) for row in described]
        return {"name": self._names[table], "table": table, "rows": rows, "columns": columns}

    def _describe_column(self, table: str, name: str, kind: str) -> dict[str, Any]:
        column = '"' + name.replace('"', '""') + '"'
        low, high, distinct, nulls = self._connection.execute(
            f"SELECT min({column}), max({column}), count(DISTINCT {column}), count(*) - count({column})"
            f' FROM "{table}"'  # ours
        ).fetchone()
        described: dict[str, Any] = {
            "name": name,
            "type": kind,
            "min": _plain(low),
            "max": _plain(high),
            "nulls": nulls,
        }
        if kind == "VARCHAR" and distinct <= MAX_VALUES:
            values = self._connection.execute(
                f'SELECT DISTINCT {column} FROM "{table}" WHERE {column} IS NOT NULL ORDER BY 1'
            ).fetchall()
            described["values"] = [value for (value,) in values]
        return described

    def query(self, sql: str) -> dict[str, Any]:
        try:
            statements = self._duckdb.extract_statements(sql)
        except self._duckdb.Error as error:
            raise ToolError(f"the SQL cannot be read: {_first_line(error)}", code="tool.sql") from error
        if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
            raise ToolError("one SELECT statement is allowed, and nothing else", code="tool.sql")
        with self._lock:
            columns, rows, truncated = self._fetch(sql)
        used = sorted({name for table, name in self._names.items() if re.search(rf"\b{table}\b", sql, re.I)})
        return {
            "columns": columns,
            "rows": rows,
            "truncated": truncated,
            "computation_id": computation_id(sql),
            "sources": used,
            "summary": _summary(columns, rows),
            "sql": sql,
        }

    def _fetch(self, sql: str) -> tuple[list[str], list[list[Any]], bool]:
        timer = threading.Timer(20.0, self._connection.interrupt)
        timer.start()
        try:
            cursor = self._connection.execute(sql)
            columns = [str(column[0]) for column in cursor.description]
            found = cursor.fetchmany(MAX_ROWS + 1)
        except self._duckdb.Error as error:
            raise ToolError(f"the SQL cannot be run: {_first_line(error)}", code="tool.sql") from error
        finally:
            timer.cancel()
        rows = [[_plain(value) for value in row] for row in found[:MAX_ROWS]]
        return columns, rows, len(found) > MAX_ROWS


def _summary(columns: list[str], rows: list[list[Any]]) -> str:
    """The result as a person reads it: `name = value` pairs, a row after the other."""
    shown = [
        ", ".join(f"{column} = {value}" for column, value in zip(columns, row, strict=True))
        for row in rows[:SUMMARY_ROWS]
    ]
    more = f"; and {len(rows) - SUMMARY_ROWS} more rows" if len(rows) > SUMMARY_ROWS else ""
    return "; ".join(shown) + more if rows else "no rows"


def _plain(value: Any) -> Any:
    """A JSON value. Exact decimals stay exact: whole ones become int, others a number of at
    most 15 digits, longer ones text."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value)
        plain = value.normalize()
        return float(plain) if len(plain.as_tuple().digits) <= 15 else str(plain)
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else round(value, 6)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    return str(value)


def _column_type(values: list[Any]) -> str:
    kinds: set[type] = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
