"""The offline model asks the calculator, and says what it told, in the question's language."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.skills.calculator import evaluate
from flowmatik.contracts.models import ToolSchema
from flowmatik.core.brain import local_planner
from flowmatik.integrations.models.local.arithmetic import Arithmetic, translate_arithmetic
from flowmatik.integrations.models.local.refusals import is_refusal
from flowmatik.kernel.errors import ToolError
from tests.unit.integrations.test_local_model import request, say
from tests.unit.sums import CALCULATIONS, OTHERS

TOOLS = tuple(
    ToolSchema(name=name, description="", parameters={"type": "object"})
    for name in ("calculate", "tables_describe", "tables_query")
)


@pytest.mark.parametrize(("question", "expression", "language"), CALCULATIONS)
def test_a_question_becomes_an_expression(question: str, expression: str, language: str) -> None:
    assert translate_arithmetic(question) == Arithmetic(expression=expression, language=language)


@pytest.mark.parametrize("question", OTHERS)
def test_a_question_with_any_other_word_is_no_arithmetic(question: str) -> None:
    assert translate_arithmetic(question) is None


FRAMES = ("", "What is ", "¿Cuánto es ", "Calcula ", "Convert ", "How many min are ", "¿Cuántas horas son ")
OPERANDS = (
    "12",
    "7,5",
    "1.250",
    "(3",
    "4)",
    "-2",
    "20 %",
    "3 h",
    "20 minutos",
    "5 €",
    "$5",
    "2 m²",
    "9 foos",
)
JOINTS = ("+", "por", "entre", "times", "minus", "x", "^", "of", "de", "and", "y", "to", "->", "en", "=", "")
ENDS = ("", "?", " to h", " en horas", " =", " EUR", ", please", " a zancadas")


@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.sampled_from(OPERANDS), st.sampled_from(JOINTS)), max_size=3),
    st.sampled_from(OPERANDS),
    st.sampled_from(ENDS),
)
def test_whatever_the_planner_takes_for_arithmetic_the_model_can_ask(
    frame: str, joined: list[tuple[str, str]], last: str, end: str
) -> None:
    question = frame + " ".join((*(word for pair in joined for word in pair), last)) + end
    if local_planner.is_calculation(question):
        assert translate_arithmetic(question) is not None


def told_by_calculator(expression: str) -> dict[str, Any]:
    try:
        return evaluate(expression)
    except ToolError as error:
        return {"error": error.message}


async def finding(question: str) -> dict[str, Any]:
    """What the model answers after what the real calculator told it."""
    (call,) = (await say(request(question, tools=TOOLS))).tool_calls
    assert call.name == "calculate"
    assert call.arguments is not None
    told = told_by_calculator(str(call.arguments["expression"]))
    return json.loads((await say(request(question, told, tools=TOOLS))).text)


@pytest.mark.parametrize(
    ("question", "text", "quote"),
    [
        ("How much is 12 * 7.5?", "Result: 12 * 7.5 = 90 [1]", "12 * 7.5 = 90"),
        ("¿Cuánto es el 21 % de 6590?", "Resultado: 21% * 6590 = 1383,9 [1]", "21% * 6590 = 1383.9"),
        ("Calcula 1/3", "Resultado: 1 / 3 ≈ 0,333333333333 [1]", "1 / 3 ≈ 0.333333333333"),
        ("Convert 90 min to h", "Result: 90 min -> h = 1.5 h [1]", "90 min -> h = 1.5 h"),
    ],
)
async def test_a_result_is_said_and_cited(question: str, text: str, quote: str) -> None:
    found = await finding(question)
    assert found["found"]
    assert found["text"] == text
    (citation,) = found["citations"]
    assert citation["quote"] == quote
    assert citation["passage_id"].startswith("clc_")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is 1/0?", "I cannot calculate “1 / 0”: it is a division by zero."),
        ("¿Cuánto es 1/0?", "No puedo calcular «1 / 0»: es una división por cero."),
        (
            "Convert 90 min to parsnips",
            "I cannot calculate “90 min -> parsnips”: I do not know the unit “parsnips”.",
        ),
        (
            "Convierte 90 zancadas a metros",
            "No puedo calcular «90 zancadas -> m»: no conozco la unidad «zancadas».",
        ),
        ("¿Cuánto es 3 m + 2 s?", "No puedo calcular «3 m + 2 s»: las unidades no casan."),
        ("What is 20 °C + 5 °C?", "I cannot calculate “20 °C + 5 °C”: the units do not go together."),
        ("What is 9^9^9?", "I cannot calculate “9 ^ 9 ^ 9”: the result is too large."),
        ("¿Cuánto es (3+4?", "No puedo calcular «(3 + 4»: la expresión no se entiende."),
    ],
)
async def test_what_cannot_be_calculated_is_refused_by_name(question: str, text: str) -> None:
    found = await finding(question)
    assert found == {"found": False, "text": text, "citations": []}
    assert is_refusal(text)


async def test_without_a_calculator_a_question_is_for_the_other_tools() -> None:
    (call,) = (await say(request("How much is 12 * 7.5?", tools=TOOLS[1:]))).tool_calls
    assert call.name == "tables_describe"


async def test_a_question_over_tables_does_not_go_to_the_calculator() -> None:
    (call,) = (await say(request("How many orders were placed in 2025?", tools=TOOLS))).tool_calls
    assert call.name == "tables_describe"
