"""Faults of single fields as a validation library reports them, for the catalogues: a place, a code
(`field.…`) with its limits as values, and the library's own words. What was given is never repeated:
it may be a password."""

from collections.abc import Mapping, Sequence
from typing import Any

KINDS: dict[str, tuple[str, ...]] = {
    "missing": (),
    "extra_forbidden": (),
    "json_invalid": (),
    "string_type": (),
    "string_unicode": (),
    "string_pattern_mismatch": (),
    "string_too_short": ("min_length",),
    "string_too_long": ("max_length",),
    "too_short": ("min_length",),
    "too_long": ("max_length",),
    "int_type": (),
    "int_parsing": (),
    "int_parsing_size": (),
    "int_from_float": (),
    "float_type": (),
    "float_parsing": (),
    "decimal_type": (),
    "decimal_parsing": (),
    "decimal_max_digits": ("max_digits",),
    "decimal_max_places": ("decimal_places",),
    "finite_number": (),
    "bool_type": (),
    "bool_parsing": (),
    "list_type": (),
    "tuple_type": (),
    "dict_type": (),
    "dataclass_type": (),
    "model_type": (),
    "model_attributes_type": (),
    "union_tag_invalid": ("discriminator", "expected_tags"),
    "union_tag_not_found": ("discriminator",),
    "greater_than": ("gt",),
    "greater_than_equal": ("ge",),
    "less_than": ("lt",),
    "less_than_equal": ("le",),
    "literal_error": ("expected",),
    "enum": ("expected",),
}
OTHER = "other"  # says what the library said, or what a check of ours did
_ALSO = {"unexpected_keyword_argument": "extra_forbidden"}  # what a class says of what it has no field for
_OURS = "Value error, "  # stands before what a check of ours said


def field_faults(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`rows` as Pydantic's `errors()` gives them."""
    return [_fault(row) for row in rows]


def _fault(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, values = kind_of(row)
    place = ".".join(map(str, row["loc"]))
    return {"place": place, "code": f"field.{kind}", "values": values, "text": words_of(row)}


def kind_of(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of the fault, `other` when it is none of `KINDS`, and its limits."""
    kind = _ALSO.get(str(row["type"]), str(row["type"]))
    limits: dict[str, Any] = row.get("ctx") or {}
    if kind not in KINDS or not limits.keys() >= set(KINDS[kind]):
        return OTHER, {"said": words_of(row)}
    values = {name: limits[name] for name in KINDS[kind]}
    if "expected" in values:
        values["expected"] = str(values["expected"]).replace(" or ", ", ")
    return kind, values


def words_of(row: Mapping[str, Any]) -> str:
    return str(row["msg"]).removeprefix(_OURS)
