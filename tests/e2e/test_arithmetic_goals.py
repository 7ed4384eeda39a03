"""Arithmetic through the command line with the local model, in a home without a single document."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import within
from tests.e2e.cli import make_home, run_goal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("sums") / "home", "--no-examples")


@pytest.mark.parametrize(
    ("goal", "text", "quote"),
    [
        ("How much is 12 * 7.5?", "Result: 12 * 7.5 = 90 [1]", "12 * 7.5 = 90"),
        ("Calcula (3+4)*2,5", "Resultado: (3 + 4) * 2,5 = 17,5 [1]", "(3 + 4) * 2.5 = 17.5"),
        (
            "¿Cuántos minutos son 3 h + 20 min?",
            "Resultado: 3 h + 20 min -> min = 200 min [1]",
            "3 h + 20 min -> min = 200 min",
        ),
    ],
)
def test_arithmetic_is_calculated_cited_and_verified(home: Path, goal: str, text: str, quote: str) -> None:
    code, result, events = run_goal(home, goal, program=within.flowmatik)
    answer = result["answer"]
    assert (code, answer["found"], answer["text"]) == (0, True, text)
    (citation,) = answer["citations"]
    assert (citation["source"], citation["quote"]) == ("calculation", quote)
    assert citation["computation"] == quote.partition(" = ")[0]
    assert all(check["passed"] for check in result["verified"])
    assert "citation.calculated" in [check["code"] for check in result["verified"]]
    assert workers(events) == ["analyst"]


def test_what_cannot_be_calculated_is_said_and_looked_for_nowhere_else(home: Path) -> None:
    code, result, events = run_goal(home, "¿Cuánto es 1/0?")
    answer = result["answer"]
    assert (code, answer["found"], answer["citations"]) == (0, False, [])
    assert answer["text"] == "No puedo calcular «1 / 0»: es una división por cero."
    assert workers(events) == ["analyst"]


def workers(events: list[dict[str, Any]]) -> list[str]:
    routed = [event["data"] for event in events if event["type"] == "flowmatik.TaskRouted"]
    return [str(data["agent"]).partition("@")[0] for data in routed]
