"""Names of a gazetteer as people write them down: CSV with the columns name, aliases (parted by ;) and kind,
or JSON with the same fields in a list."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.memory_entities import GazetteerEntry
from flowmatik.kernel.errors import InvalidInput

MOST_BYTES = 20_000_000
_FIELDS = frozenset(("name", "aliases", "kind"))


def entries_in(path: Path) -> list[GazetteerEntry]:
    """Blocking. Raises InvalidInput (`input.gazetteer_file`)."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _wrong(path, f"it is larger than {MOST_BYTES // 1_000_000} MB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _wrong(path, error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise _wrong(path, "it is not UTF-8") from error
    return list(_of_json(path, text) if path.suffix.casefold() == ".json" else _of_csv(path, text))


def _of_csv(path: Path, text: str) -> Iterator[GazetteerEntry]:
    try:
        rows = csv.DictReader(io.StringIO(text), strict=True)
        columns = set(rows.fieldnames or ())
        if "name" not in columns or columns - _FIELDS:
            raise _wrong(path, "its first line must be name,aliases,kind")
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise _wrong(path, f"line {number} has more or fewer columns than the first")
            aliases = tuple(one.strip() for one in row.get("aliases", "").split(";") if one.strip())
            yield GazetteerEntry(name=row["name"].strip(), aliases=aliases, kind=row.get("kind", "").strip())
    except csv.Error as error:
        raise _wrong(path, str(error)) from error


def _of_json(path: Path, text: str) -> Iterator[GazetteerEntry]:
    try:
        rows: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "it is no JSON") from error
    if not isinstance(rows, list):
        raise _wrong(path, "it must be a list of objects")
    for number, row in enumerate(cast("list[Any]", rows), 1):
        known = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
        given: Any = known.get("aliases", [])
        aliases: list[Any] = cast("list[Any]", given) if isinstance(given, list) else [None]
        texts = (known.get("name"), known.get("kind", ""), *aliases)
        if not known or set(known) - _FIELDS or not all(isinstance(one, str) for one in texts):
            raise _wrong(
                path, f"entry {number} must have a text name, and may have a list aliases and a text kind"
            )
        yield GazetteerEntry(name=known["name"], aliases=tuple(aliases), kind=known.get("kind", ""))


def _wrong(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path.name} is no list of names: {why}; correct it and load it again",
        code="input.gazetteer_file",
        context={"file": path.name, "why": why},
    )
