"""The HTTP statuses of what goes wrong with models: whose fault it is."""

import pytest

from flowmatik.api.problems import status_of
from flowmatik.kernel.errors import ModelMalformed, ModelRejected, ModelUnavailable


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("model.unknown", 404),
        ("model.tags", 404),
        ("model.context_overflow", 422),
        ("model.key", 502),
        ("model.credit", 502),
        ("model.rejected", 502),
    ],
)
def test_a_model_that_is_not_there_is_not_found_and_a_refusal_is_the_providers(
    code: str, status: int
) -> None:
    assert status_of(ModelRejected("no", code=code)) == status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("model.unavailable", 502),
        ("model.unavailable.busy", 503),
        ("model.unavailable.open", 503),
        ("model.unavailable.timeout", 504),
    ],
)
def test_models_that_take_no_calls_now_may_be_asked_later(code: str, status: int) -> None:
    assert status_of(ModelUnavailable("no", code=code)) == status


def test_an_answer_that_nobody_can_read_is_the_providers_fault() -> None:
    assert status_of(ModelMalformed("no")) == 502
