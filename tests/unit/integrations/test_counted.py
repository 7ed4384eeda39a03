"""Which usage is believed."""

import logging

import pytest

from flowmatik.contracts.models import Message, ModelRequest, Usage
from flowmatik.integrations.direct.counted import MOST_BELIEVED, believed

UNKNOWN = Usage(known=False)
REQUEST = ModelRequest(
    model="far/m", messages=(Message(role="user", content="?" * 400),), max_output_tokens=50
)


@pytest.mark.parametrize(
    "numbers", [(0, 0), (0, 7), (-5, 7), (10, -1), (10, 0), (MOST_BELIEVED + 1, 1), (1, 10**30)]
)
def test_numbers_that_cannot_be_right_are_unknown(numbers: tuple[int, int]) -> None:
    usage = Usage(input_tokens=numbers[0], output_tokens=numbers[1])
    assert believed(REQUEST, usage, said=True) == UNKNOWN


def test_nothing_said_may_have_used_no_output() -> None:
    usage = Usage(input_tokens=10)
    assert believed(REQUEST, usage, said=False) == usage


@pytest.mark.parametrize(
    ("numbers", "flagged"), [((100, 50), False), ((400, 50), False), ((100, 51), True), ((9_999, 5), True)]
)
def test_more_than_the_call_could_use_is_booked_and_flagged(
    numbers: tuple[int, int], flagged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    usage = Usage(input_tokens=numbers[0], output_tokens=numbers[1])
    with caplog.at_level(logging.WARNING):
        assert believed(REQUEST, usage, said=True) == usage
    assert ("more tokens than the call could use" in caplog.text) == flagged
