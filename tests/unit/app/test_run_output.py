"""The shape of `run --json`: committed schema, and every line fits it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowmatik.app.exit_codes import ExitCode, of_error, of_run
from flowmatik.app.run_output import error_line, result_of, run_output_schema
from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.kernel import errors
from tests.unit.app.samples import answered, ended, event

SCHEMA = Path(__file__).parents[3] / "schemas" / "run-output.schema.json"


def valid(line: Any) -> bool:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return bool(validator.is_valid(line))  # pyright: ignore[reportUnknownMemberType]  # untyped library


def as_json(view: RunView) -> dict[str, Any]:
    return json.loads(result_of(view).line())


def test_the_committed_schema_is_the_one_that_the_code_makes() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == run_output_schema()


def test_a_result_has_the_agreed_members() -> None:
    line = as_json(answered())
    assert line["answer"] == {
        "text": "36 months [1], 15.2 hours [2], see [3].",
        "found": True,
        "citations": [
            {"n": 1, "source": "guide.md", "quote": "36 months", "lines": [4, 6]},
            {"n": 2, "source": "t.csv", "quote": "15.2", "computation": "SELECT avg(h) FROM t"},
            {"n": 3, "source": "c.pdf", "quote": "a\x1b[31mb", "page": 2},
        ],
    }
    assert line["type"] == "result"
    assert line["cost"] == {"usd": 0.0015, "tokens": 120}
    assert line["seconds"] == 1.235
    assert line["error"] is None


def test_a_cost_that_nobody_knows_is_null_and_fits_the_schema() -> None:
    line = as_json(replace(answered(), cost_micros=None))
    assert line["cost"] == {"usd": None, "tokens": 120}
    assert valid(line)


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_kind_of_line_fits_the_schema(status: RunStatus) -> None:
    assert valid(as_json(ended(status, code="x.y", error="why")))
    assert valid(as_json(answered()))
    assert valid(event(3, "RunCreated").to_json())
    assert valid(error_line(errors.NotFound("no")).model_dump())


def test_the_schema_refuses_what_is_not_a_line() -> None:
    line = as_json(answered())
    assert not valid({**line, "surprise": 1})
    assert not valid({name: value for name, value in line.items() if name != "status"})
    assert not valid({"type": "result"})


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (answered(), 0),
        (ended(RunStatus.FAILED, code="model.rejected"), 1),
        (ended(RunStatus.FAILED, code="budget.exhausted"), 5),
        (ended(RunStatus.FAILED, code="model.unavailable"), 6),
        (ended(RunStatus.WAITING), 4),
        (ended(RunStatus.IN_DOUBT), 4),
        (ended(RunStatus.CANCELLED), 130),
    ],
)
def test_a_run_ends_the_command_with_its_code(view: RunView, code: int) -> None:
    assert of_run(view) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), ExitCode.USAGE),
        (errors.ConfigurationError("x"), ExitCode.USAGE),
        (errors.NotFound("x"), ExitCode.NOT_FOUND),
        (errors.BudgetExhausted("x"), ExitCode.BUDGET),
        (errors.JournalUnavailable("x"), ExitCode.UNAVAILABLE),
        (errors.ModelUnavailable("x"), ExitCode.UNAVAILABLE),
        (errors.Conflict("x"), ExitCode.FAILED),
    ],
)
def test_an_error_ends_the_command_with_its_code(error: errors.FlowmatikError, code: ExitCode) -> None:
    assert of_error(error) == code
