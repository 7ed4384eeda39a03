"""What a tool gives at recall is believed only if planners can read it."""

from typing import Any

import pytest

from flowmatik.core.fold.recalled import MALFORMED, recalled

PASSAGE = {"source": "s", "title": "t", "heading": "h"}
TABLE = {"name": "t", "columns": [{"name": "c", "values": [1]}]}


@pytest.mark.parametrize(
    ("purpose", "result"),
    [
        ("recall", {"passages": [PASSAGE]}),
        ("recall", {"passages": []}),
        ("recall", {"error": "away"}),
        ("recall", None),
        ("recall_tables", {"tables": [TABLE]}),
        ("recall_tables", {}),
    ],
)
def test_what_can_be_read_stays(purpose: str, result: Any) -> None:
    assert recalled(purpose, result) is result


@pytest.mark.parametrize(
    ("purpose", "result"),
    [
        ("recall", "words"),
        ("recall", [PASSAGE]),
        ("recall", 0),
        ("recall", {"passages": {"a": 1}}),
        ("recall", {"passages": ["words"]}),
        ("recall", {"passages": [{"source": "s"}]}),
        ("recall_tables", {"tables": [{"name": "t"}]}),
        ("recall_tables", {"tables": [TABLE | {"columns": ["c"]}]}),
        ("recall_tables", {"tables": [TABLE | {"columns": [{"name": "c", "values": 5}]}]}),
    ],
)
def test_whatever_else_counts_as_a_failed_tool(purpose: str, result: Any) -> None:
    assert recalled(purpose, result) == MALFORMED
