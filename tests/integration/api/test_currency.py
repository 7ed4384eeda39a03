"""Whoever reads an amount in an answer is told in which currency it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from flowmatik.api.described import AMOUNT
from flowmatik.contracts.ledger import CostReport, Costs, cost_table

DESCRIBED = json.loads((Path(__file__).parents[3] / "schemas" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DESCRIBED["components"]["schemas"]
# Limits that somebody wrote into an agent, a plan, a thread, a schedule or the factory's policy.
LIMITS = {"budget_micros", "task_micros"}


def untold(part: Any, said: bool, path: tuple[str, ...]) -> Iterator[str]:
    """Amounts of an answer that stand in nothing which has a currency."""
    if isinstance(part, list):
        for one in cast("list[Any]", part):
            yield from untold(one, said, path)
    if not isinstance(part, dict):
        return
    schema = cast("dict[str, Any]", part)
    if (name := schema.get("$ref", "").rpartition("/")[2]) and name not in path:
        yield from untold(SCHEMAS[name], said, (*path, name))
    fields: dict[str, Any] = schema.get("properties", {})
    said = said or "currency" in fields
    for name, field in fields.items():
        if name.endswith("_micros") and name not in LIMITS and not said:
            yield ".".join((*path, name))
        yield from untold(field, said, path)
    for key, value in schema.items():
        if key != "properties":
            yield from untold(value, said, path)


def test_every_answer_with_money_names_its_currency() -> None:
    found = {
        f"{method} {route}: {amount}"
        for route, methods in DESCRIBED["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for amount in untold(answer.get("content", {}), False, ())
    }
    assert found == set()


def test_every_amount_is_described_with_its_currency() -> None:
    amounts = [
        field
        for schema in SCHEMAS.values()
        for name, field in schema.get("properties", {}).items()
        if name.endswith("_micros")
    ]
    assert len(amounts) > 40
    assert {field["description"] for field in amounts} == {AMOUNT}


def test_a_report_as_a_table_names_it_in_every_row() -> None:
    heads, rows = cost_table(CostReport(items=(), total=Costs(spent_micros=7)), ())
    assert heads[-1] == "currency"
    assert [row[-1] for row in rows] == ["USD"]
