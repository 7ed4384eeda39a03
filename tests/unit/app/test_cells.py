"""Cells of exported tables."""

import pytest

from flowmatik.contracts.ledger import plain_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\uff1d1", "\uff201"]
)
def test_what_a_spreadsheet_would_reckon_is_text(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["clerk", "a=b", "a-b", "", -5, "user:ana/day", '"=x'])
def test_other_cells_stay_as_they_are(value: str | int) -> None:
    assert plain_cell(value) == value
