"""A calculation can be cited: its id is worked out again, and must give what was quoted."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.calculator import calculator_skills, evaluate
from flowmatik.agents.skills.citations import citation_skills
from flowmatik.agents.skills.computations import (
    MAX_EXPRESSION,
    calculation_id,
    computation_id,
    expression_of,
    is_calculation,
    is_computation,
)
from flowmatik.agents.skills.tables import Tables
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolError

NO_MEMORY = cast("Memory", None)  # a calculation reads none
BOX = SkillBox([*calculator_skills(), *citation_skills(NO_MEMORY, Tables(NO_MEMORY))])
FREE = ToolContext(workspace_id="w", run_id="r", call_id="c", idempotency_key="k")
BOUND = ToolContext(
    workspace_id="w", run_id="r", call_id="c", idempotency_key="k", sources=("only.md",)
)  # to one document


async def check(text: str, passage_id: str, quote: str, context: ToolContext = FREE) -> dict[str, Any]:
    citation = {"n": 1, "passage_id": passage_id, "quote": quote}
    finding = {"found": True, "text": text, "citations": [citation]}
    return await BOX.call("citations_check", {"finding": finding}, context)


def codes(verdict: dict[str, Any]) -> list[str]:
    return [row[3] for row in verdict["checks"] if not row[1]]


@pytest.mark.parametrize(
    ("expression", "summary"),
    [
        ("12 * 7.5", "12 * 7.5 = 90"),
        (" 12  *\n7.5 ", "12 * 7.5 = 90"),
        ("3 h + 20 min to min", "3 h + 20 min to min = 200 min"),
        ("1/3", "1/3 ≈ 0.333333333333"),
        ("100 km/h to m/s", "100 km/h to m/s ≈ 27.777777777778 m / s"),
    ],
)
def test_a_summary_says_the_expression_and_what_it_gives(expression: str, summary: str) -> None:
    assert evaluate(expression)["summary"] == summary


@pytest.mark.parametrize("context", [FREE, BOUND], ids=["free", "bound to documents"])
async def test_what_calculate_returns_can_be_cited_in_any_run(context: ToolContext) -> None:
    made = await BOX.call("calculate", {"expression": "21% * 6590"}, context)
    verdict = await check("It is 1383.9 [1]", made["computation_id"], made["summary"], context)
    assert verdict["passed"]
    assert verdict["citations"] == [
        {
            "n": 1,
            "passage_id": made["computation_id"],
            "quote": "21% * 6590 = 1383.9",
            "source": "calculation",
            "lines": None,
            "page": None,
            "computation": "21% * 6590",
        }
    ]


async def test_a_figure_may_have_the_decimal_comma_of_the_answers_language() -> None:
    made = evaluate("7 / 2")
    assert (await check("Son 3,5 [1]", made["computation_id"], made["summary"]))["passed"]
    assert codes(await check("Son 3,6 [1]", made["computation_id"], made["summary"])) == ["figures.loose"]


async def test_a_summary_that_somebody_changed_is_found_out() -> None:
    made = evaluate("12 * 7.5")
    verdict = await check("It is 91 [1]", made["computation_id"], "12 * 7.5 = 91")
    assert codes(verdict) == ["citation.other_result"]
    assert verdict["citations"] == []


async def test_the_expression_of_another_calculation_does_not_carry_the_quote() -> None:
    verdict = await check("It is 90 [1]", calculation_id("12 * 7.6"), "12 * 7.5 = 90")
    assert codes(verdict) == ["citation.other_result"]


@pytest.mark.parametrize(
    "expression",
    [
        "42",
        "-42",
        "+(42)",
        "42%",
        "42 EUR",
        "0.25 EUR/kWh",
        "42 m^2",
        "42 EUR to EUR",
        "42 EUR to €",
        "EUR * 42",
    ],
)
async def test_a_number_alone_proves_nothing(expression: str) -> None:
    made = evaluate(expression)
    verdict = await check("It is 42 [1]", made["computation_id"], made["summary"])
    assert "citation.constant" in codes(verdict)


@pytest.mark.parametrize("expression", ["2^10", "6 * 7", "2 h - 1 h", "1 km to m", "1 km / 4 h", "20% * 50"])
async def test_an_operation_or_a_conversion_is_a_proof(expression: str) -> None:
    made = evaluate(expression)
    assert (await check("So it is [1]", made["computation_id"], made["summary"]))["passed"]


async def test_what_cannot_be_worked_out_is_told_with_its_reason() -> None:
    verdict = await check("It is 1 [1]", calculation_id("1/0"), "1/0 = 1")
    (failed,) = [row for row in verdict["checks"] if not row[1]]
    assert failed[3] == "citation.not_computed"
    assert failed[4]["fault"]["code"] == "tool.calculate.zero"


@given(st.text(min_size=1, max_size=MAX_EXPRESSION))
def test_an_id_carries_its_expression_and_is_none_of_sql(expression: str) -> None:
    identifier = calculation_id(expression)
    assert expression_of(identifier) == expression
    assert is_calculation(identifier)
    assert not is_computation(identifier)
    assert not is_calculation(computation_id(expression))


@pytest.mark.parametrize(
    "identifier",
    [calculation_id("12 * 7.5")[:-4], "clc_", "clc_####", calculation_id("1" + "+1" * 4 * MAX_EXPRESSION)],
)
def test_an_id_that_is_cut_off_made_up_or_too_long_is_refused(identifier: str) -> None:
    with pytest.raises(ToolError, match="no computation"):
        expression_of(identifier)
