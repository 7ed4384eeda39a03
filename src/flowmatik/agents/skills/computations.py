"""What a computation leaves behind: an id that carries its SQL, values as JSON, and a summary.

The id needs no registry: whoever holds it, in any process and at any time, can compute it again. So
does that of a calculation, which carries its expression.
"""

import base64
import binascii
import math
import zlib
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

from flowmatik.kernel.errors import ToolError

SUMMARY_ROWS = 20
MAX_SQL = 20_000
MAX_EXPRESSION = 500
_OF_SQL, _OF_EXPRESSION = "cmp_", "clc_"
_INT64 = 2**63


def is_computation(passage_id: str) -> bool:
    return passage_id.startswith(_OF_SQL)


def is_calculation(passage_id: str) -> bool:
    return passage_id.startswith(_OF_EXPRESSION)


def computation_id(sql: str) -> str:
    return _OF_SQL + _packed(sql)


def calculation_id(expression: str) -> str:
    return _OF_EXPRESSION + _packed(expression)


def sql_of(identifier: str) -> str:
    """The SQL that `computation_id` was given. Raises ToolError for anything else."""
    return _unpacked(identifier, _OF_SQL, MAX_SQL)


def expression_of(identifier: str) -> str:
    """The expression that `calculation_id` was given. Raises ToolError for anything else."""
    return _unpacked(identifier, _OF_EXPRESSION, MAX_EXPRESSION)


def _packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def _unpacked(identifier: str, prefix: str, most: int) -> str:
    body = identifier.removeprefix(prefix)
    try:
        unpacker = zlib.decompressobj()
        packed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        text = unpacker.decompress(packed, most * 4).decode()
        if not unpacker.eof:
            raise ValueError("it is cut off")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ToolError(
            f"{identifier[:60]!r} is no computation; cite the computation_id that tables_query or "
            "calculate returned",
            code="tool.computation",
            context={"identifier": identifier[:60]},
        ) from error
    return text


def summary(columns: list[str], rows: list[list[Any]]) -> str:
    """The result as a person reads it: `name = value` pairs, a row after the other."""
    if not rows:
        return "no rows"
    shown = [
        ", ".join(f"{column} = {value}" for column, value in zip(columns, row, strict=True))
        for row in rows[:SUMMARY_ROWS]
    ]
    more = f"; and {len(rows) - SUMMARY_ROWS} more rows" if len(rows) > SUMMARY_ROWS else ""
    return "; ".join(shown) + more


def plain(value: Any) -> Any:
    """A value of DuckDB as JSON. Exact decimals stay exact: whole ones become int, others a number
    of at most 15 digits, longer ones text; so do integers past 64 bits, which JSON readers (and
    the journal's writer) do not carry."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return plain(int(value))
        short = value.normalize()
        return float(short) if len(short.as_tuple().digits) <= 15 else str(short)
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in cast("dict[Any, Any]", value).items()}
    return str(value)


def _plain_float(value: float) -> int | float | str:
    """Six decimals, or six digits where that would leave nothing of a small number."""
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return int(value)
    return round(value, 6) if abs(value) >= 1e-3 else float(f"{value:.6g}")
