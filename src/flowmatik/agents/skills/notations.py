"""What the text of a CSV column means: numbers, dates and moments in English or Spanish notation.

A column becomes a number or a date only when every value of it reads as one. Where a notation can mean
two things (1.250, 03/04/2026) the rest of the file decides; where that says nothing either, a date
stays text: better refused than guessed.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_WHOLE = r"[+-]?\d{1,18}"
_DOTTED = r"[+-]?((\d+\.\d*|\.\d+|\d+)([eE][+-]?\d{1,3})?|(?i:nan|inf|infinity))"  # 1234.50
_DOT_GROUPS = r"[+-]?[1-9]\d{0,2}(\.\d{3})*"  # 1.234
_COMMA_GROUPS = r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?"  # 1,234.50, or 1234.50 beside it
_COMMA = r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?"  # 1.234,50
_DAY = r"\d{1,2}([/.-])\d{1,2}[/.-](\d{4}|\d{2})"
_HOUR = r"( \d{1,2}:\d{2}(:\d{2})?)?"
_ISO_DAY = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """How many of a column's `known` values read as what."""

    sql: str
    spanish: bool  # its own name says that it holds a date, in Spanish
    known: int
    whole: int
    led: int  # begin with a zero that a number would lose
    dotted: int
    dot_groups: int
    comma_groups: int
    comma: int
    points: int
    commas: int
    days: int
    first: int  # the greatest first and second figure of the days
    second: int
    dots_between: int
    hours: int
    iso_days: int
    iso_times: int
    truths: int

    @property
    def says_comma(self) -> bool:
        """Whether it can only be read with decimal commas."""
        return self.known > 0 and self.commas > 0 and self.comma == self.known > self.comma_groups

    @property
    def says_point(self) -> bool:
        return self.known > 0 and self.points > 0 and self.dotted == self.known > self.dot_groups


def give_types(cursor: Any, table: str, delimiter: str) -> None:
    """The columns of `table`, all text as loaded, get their types. `table` is an identifier of ours."""
    import duckdb

    names = [str(row[0]) for row in cursor.execute(f'DESCRIBE "{table}"').fetchall()]
    columns = [_read(cursor, table, name) for name in names]
    says_comma = any(column.says_comma for column in columns)
    comma = says_comma or (delimiter == ";" and not any(column.says_point for column in columns))
    for column in columns:
        if meant := _meaning(column, comma):
            kind, expression = meant
            with suppress(duckdb.ConversionException, duckdb.InvalidInputException):  # 31/02/2026
                cursor.execute(f'ALTER TABLE "{table}" ALTER {column.sql} TYPE {kind} USING {expression}')


def _read(cursor: Any, table: str, name: str) -> _Column:
    sql = '"' + name.replace('"', '""') + '"'
    value, number = _value(sql), _number(sql)
    day = f"regexp_full_match({value}, '{_DAY}{_HOUR}')"
    counts = [
        f"count({value})",
        f"count(*) FILTER (WHERE regexp_full_match({number}, '{_WHOLE}'))",
        f"count(*) FILTER (WHERE regexp_full_match({number}, '0\\d+'))",
        *(
            f"count(*) FILTER (WHERE regexp_full_match({number}, '{pattern}'))"
            for pattern in (_DOTTED, _DOT_GROUPS, _COMMA_GROUPS, _COMMA)
        ),
        f"count(*) FILTER (WHERE contains({number}, '.'))",
        f"count(*) FILTER (WHERE contains({number}, ','))",
        f"count(*) FILTER (WHERE {day})",
        *(
            f"coalesce(max(try_cast(regexp_extract({value}, '^(\\d+)[/.-](\\d+)[/.-]', {group})"
            f" AS INTEGER)) FILTER (WHERE {day}), 0)"
            for group in (1, 2)
        ),
        f"count(*) FILTER (WHERE {day} AND contains({value}, '.'))",
        f"count(*) FILTER (WHERE {day} AND contains({value}, ':'))",
        f"count(*) FILTER (WHERE regexp_full_match({value}, '{_ISO_DAY}')"
        f" AND TRY_CAST({value} AS DATE) IS NOT NULL)",
        f"count(*) FILTER (WHERE regexp_matches({value}, '^{_ISO_DAY}[T ]\\d')"
        f" AND TRY_CAST({value} AS TIMESTAMP) IS NOT NULL)",
        f"count(*) FILTER (WHERE lower({value}) IN ('true', 'false'))",
    ]
    row = cursor.execute(f'SELECT {", ".join(counts)} FROM "{table}"').fetchone()
    fields = list(_Column.__dataclass_fields__)[2:]
    spanish = name.strip().lower().startswith(("fecha", "día", "dia"))
    return _Column(sql=sql, spanish=spanish, **dict(zip(fields, map(int, row), strict=True)))


def _meaning(column: _Column, comma: bool) -> tuple[str, str] | None:
    """Type and expression, None for text."""
    value, all_of = _value(column.sql), column.known
    if not all_of:
        return None
    if column.iso_days == all_of:
        return "DATE", f"CAST({value} AS DATE)"
    if column.iso_times == all_of:
        return "TIMESTAMP", f"CAST({value} AS TIMESTAMP)"
    if column.truths == all_of:
        return "BOOLEAN", f"CAST({value} AS BOOLEAN)"
    if column.days == all_of:
        return _date(column, comma)
    if column.led:
        return None
    number = _number(column.sql)
    if column.whole == all_of:
        return "BIGINT", f"CAST({number} AS BIGINT)"
    plain = _plain_number(column, comma, number)
    return ("DOUBLE", f"CAST({plain} AS DOUBLE)") if plain else None


def _plain_number(column: _Column, comma: bool, number: str) -> str:
    """The number as SQL reads it; "" when the column holds none."""
    all_of = column.known
    without_points = f"replace({number}, '.', '')"
    readable = {
        "comma": column.comma == all_of and (column.commas or column.points),
        "groups": column.comma_groups == all_of,
        "point": column.dotted == all_of,
    }
    # Where both readings fit (1.250 or 1,250), the file's own decimals decide.
    if readable["comma"] and (comma or not (readable["groups"] or readable["point"])):
        return f"replace({without_points}, ',', '.')"
    if readable["point"]:
        return number
    return f"replace({number}, ',', '')" if readable["groups"] else ""


def _date(column: _Column, comma: bool) -> tuple[str, str] | None:
    value = f"replace(replace({_value(column.sql)}, '.', '/'), '-', '/')"
    if column.first > 12 and column.second > 12:
        return None
    day_first = column.first > 12 or comma or column.spanish or column.dots_between == column.known
    if column.second > 12:
        order = "%m/%d"
    elif day_first:
        order = "%d/%m"
    else:
        return None
    moment = f"CASE WHEN regexp_matches({value}, '/\\d{{4}}') THEN {_parsed(value, order + '/%Y')}"
    moment += f" ELSE {_parsed(value, order + '/%y')} END"
    return ("TIMESTAMP", moment) if column.hours else ("DATE", f"CAST({moment} AS DATE)")


def _parsed(value: str, form: str) -> str:
    forms = ", ".join(f"'{form}{hour}'" for hour in ("", " %H:%M", " %H:%M:%S"))
    return f"strptime({value}, [{forms}])"


def _value(sql: str) -> str:
    """The text without what surrounds it; NULL when nothing is left."""
    return f"nullif(trim(replace({sql}, chr(160), ' ')), '')"


def _number(sql: str) -> str:
    """Without a unit that says money or share."""
    return f"regexp_replace(regexp_replace({_value(sql)}, '^€\\s*', ''), '\\s*(€|EUR|eur|%)$', '')"
